// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/binary"
	"math"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/planted"
)

// Stream is one exchange of which both sides know more than its id: a stream,
// or on the responder's side any exchange. Everything in it belongs to the
// session.
type Stream struct {
	// ID is what the exchange is called on the wire.
	ID uint64
	// Owner is for whoever uses the session.
	Owner any

	unary bool
	asm   *assembly

	credit    int64 // what we may still send
	allowance int64 // what the peer may still send
	owed      int64 // what it may send besides, once told
	queued    int   // messages that were handed over and not consumed
	held      int64 // cost of what is assembled behind them
	due       int64 // cost that the connection as a whole is owed

	sentEnd, gotEnd, over bool
	midway                bool // more of the last message is to be sent
}

// Over reports whether the exchange has ended, from whichever side.
func (st *Stream) Over() bool { return st.over }

// Midway reports whether a message was begun and not sent to its end. Nothing
// but the rest of it may follow, or a reset.
func (st *Stream) Midway() bool { return st.midway }

func (l *Link) newStream(st *Stream, id uint64) {
	st.ID = id
	st.credit, st.allowance = int64(l.peer.Window), int64(l.own.Window)
}

// charge pays for a frame of a stream out of the peer's allowance. A frame
// for a stream that is over is paid back at once.
func (l *Link) charge(st *Stream, payload int) (cost int64, err error) {
	cost = int64(payload) + frameCost
	if l.allowance -= cost; l.allowance < 0 {
		return 0, broken("more was sent on all streams than their credit")
	}
	if st == nil {
		l.repay(cost)
		return cost, nil
	}
	if st.allowance -= cost; st.allowance < 0 {
		return 0, broken("more was sent on a stream than its credit")
	}
	st.due += cost
	return cost, nil
}

// repay gives credit for the connection as a whole.
func (l *Link) repay(n int64) {
	if l.owed += n; l.owed >= int64(l.own.ConnWindow)/creditShare {
		l.grant(0, l.owed)
		l.allowance += l.owed
		l.owed = 0
	}
}

// settle gives credit for what was consumed of a stream.
func (l *Link) settle(st *Stream, n int64) {
	st.due -= n
	l.repay(n)
	if st.over || st.gotEnd {
		return
	}
	if st.owed += n; st.owed >= int64(l.own.Window)/creditShare {
		l.grant(st.ID, st.owed)
		st.allowance += st.owed
		st.owed = 0
	}
}

func (l *Link) grant(id uint64, n int64) {
	start := len(l.out)
	l.out = frame.Begin(l.out, frame.Credit, 0, id)
	l.out = binary.AppendUvarint(l.out, uint64(n))
	frame.Finish(l.out, start, len(l.out)-start-frame.HeaderSize, 0)
}

// Consumed says that a message was read whose cost was told with it.
func (l *Link) Consumed(st *Stream, cost int64) {
	if st.queued == 0 {
		return // the stream was released meanwhile
	}
	if planted.CreditLost && cost%8 == 0 {
		cost = 0
	}
	if st.queued--; st.queued == 0 {
		cost += st.held
		st.held = 0
	}
	l.settle(st, cost)
}

// Release says that nothing more of a stream will be read.
func (l *Link) Release(st *Stream) {
	st.queued, st.held = 0, 0
	n := st.due
	st.due = 0
	l.repay(n)
}

// Item is a message of a stream.
type Item struct {
	Block frame.Block
	Body  []byte
	Owned bool  // Body is memory of its own, else it lies in what was fed
	Cost  int64 // for Consumed
	End   bool  // nothing follows
}

// arrived deals with a Message or Data frame of a stream. ready says that a
// message is complete; refused that the stream is to be reset.
func (l *Link) arrived(st *Stream, h frame.Header, hd head, body []byte) (it Item, ready bool, refused *Reset, err error) {
	if st.gotEnd {
		return it, false, nil, broken("%s frame on a stream after its end", h.Type)
	}
	cost, err := l.charge(st, int(h.Length))
	if err != nil {
		return it, false, nil, err
	}
	switch {
	case h.Type == frame.Data && st.asm == nil:
		return it, false, nil, broken("DATA frame without a message")
	case h.Type == frame.Message && st.asm != nil:
		return it, false, nil, broken("MESSAGE frame within a message")
	case h.Type == frame.Message && h.Has(frame.FlagMore):
		if st.asm, refused, err = l.assemble(hd, body); st.asm != nil {
			l.hold(st, cost)
		}
		return it, false, refused, err
	case h.Type == frame.Message:
		if len(body) > l.own.Message {
			return it, false, &Reset{Code: CodeTooLarge, Reason: over("message", len(body), l.own.Message)}, nil
		}
		it = Item{Block: hd.block, Body: body, Cost: cost}
	default:
		done, err := st.asm.add(h, body)
		if err != nil || !done {
			l.hold(st, cost)
			return it, false, nil, err
		}
		it = Item{Block: st.asm.block, Body: st.asm.body, Owned: true, Cost: st.held + cost}
		st.held = 0
		l.disband(st.asm)
		st.asm = nil
	}
	st.queued++
	if h.Has(frame.FlagEnd) && !planted.HalfCloseDropped {
		st.gotEnd, it.End = true, true
	}
	return it, true, nil, nil
}

// hold keeps the credit of a piece back while there is something to read
// before it, so that a peer cannot heap up large messages.
func (l *Link) hold(st *Stream, cost int64) {
	if st.queued == 0 {
		l.settle(st, cost)
		return
	}
	st.held += cost
}

// credited deals with a Credit frame.
func (l *Link) credited(h frame.Header, payload []byte, st *Stream) error {
	s := frame.From(payload)
	n := s.Uint()
	if s.Bad() || s.Len() > 0 || n == 0 || n > math.MaxInt32 {
		return broken("CREDIT that cannot be read, or of nothing")
	}
	to := &l.credit
	if h.ID != 0 {
		if st == nil {
			l.Counters.Late++
			return nil
		}
		to = &st.credit
	}
	if *to += int64(n); *to > math.MaxInt32 {
		return broken("credit over %d", math.MaxInt32)
	}
	return nil
}

// Sending is a message on its way out. The zero value of the rest begins it.
type Sending struct {
	Message *transport.Message
	End     bool // nothing follows in this direction
	sent    int
	begun   bool
}

// Send writes as much of a message of a stream as there is credit for. It
// reports whether that was all; if not, it is called again when credit has
// come.
func (l *Link) Send(st *Stream, s *Sending, bound int) (done bool, err error) {
	body := s.Message.Body
	if !s.begun {
		if st.midway {
			return false, errMidway
		}
		if len(body) > l.peer.Message {
			return false, tooLarge("message", len(body), l.peer.Message)
		}
		if headBound(s.Message.Header) > l.piece()/2 {
			return false, tooLarge("header", headBound(s.Message.Header), l.piece()/2)
		}
	}
	for {
		head := frameCost
		if !s.begun {
			head += headBound(s.Message.Header)
		}
		n := min(len(body)-s.sent, l.piece()-head)
		if cost := int64(head + n); cost > st.credit || cost > l.credit || len(l.out) > bound {
			return false, nil
		}
		if err := l.piecemeal(st, s, body[s.sent:s.sent+n]); err != nil {
			return false, err
		}
		if s.sent == len(body) {
			if s.End {
				st.sentEnd = true
				l.concluded(st)
			}
			return true, nil
		}
	}
}

// piecemeal writes one frame of a message.
func (l *Link) piecemeal(st *Stream, s *Sending, body []byte) error {
	h := frame.Header{Type: frame.Data, Flags: frame.FlagStream, ID: st.ID}
	total := len(s.Message.Body)
	l.room()
	if s.sent+len(body) < total {
		h.Flags |= frame.FlagMore
	} else if s.End {
		h.Flags |= frame.FlagEnd
	}
	start := len(l.out)
	if s.begun {
		l.out = frame.Begin(l.out, h.Type, h.Flags, h.ID)
	} else {
		h.Type = frame.Message
		if err := l.appendHead(h, 0, total, s.Message.Header); err != nil {
			return err
		}
	}
	head := len(l.out) - start - frame.HeaderSize
	l.out = append(l.out, body...)
	frame.Finish(l.out, start, head, len(body))
	cost := int64(head+len(body)) + frameCost
	st.credit -= cost
	l.credit -= cost
	s.begun = true
	s.sent += len(body)
	st.midway = s.sent < total
	return nil
}

// piece is the largest payload that is sent on a stream: half of a window, so
// that credit for one comes before all of the last was consumed.
func (l *Link) piece() int {
	return min(l.peer.Frame, l.peer.Window/2, l.peer.ConnWindow/2)
}

// headBound is a length that no head is over.
func headBound(h transport.Header) int {
	n := 64
	for i := range h {
		n += len(h[i].Name) + len(h[i].Value) + 16
	}
	return n
}

// end writes the end of one direction.
func (l *Link) end(st *Stream, trailer transport.Header) error {
	start := len(l.out)
	out := frame.Begin(l.out, frame.End, frame.FlagEnd|st.flag(), st.ID)
	l.enc.Look(trailer, false)
	out, err := l.enc.Append(out, trailer)
	if err != nil {
		return err
	}
	l.out = out
	head := len(l.out) - start - frame.HeaderSize
	frame.Finish(l.out, start, head, 0)
	st.sentEnd = true
	return nil
}

func (st *Stream) flag() frame.Flags {
	if st.unary {
		return 0
	}
	return frame.FlagStream
}
