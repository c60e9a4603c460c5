// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/binary"
	"math"

	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/planted"
)

// Stream is the state of a stream or, at the server, of any exchange. It is protected by
// the lock of the session.
type Stream struct {
	// ID is the id of the exchange in the protocol. The session sets it.
	ID uint64
	// Owner is for the caller; the session does not use it.
	Owner any

	unary bool
	asm   *assembly

	credit    int64 // what this side may still send
	allowance int64 // what the peer may still send
	owed      int64 // credit that is not yet granted to the peer
	queued    int   // messages that were passed to the sink and not consumed
	held      int64 // cost of the pieces that are assembled after them
	due       int64 // cost that is not yet repaid to the window of the connection

	sentEnd, gotEnd, over bool
	midway                bool // a part of the last message is still to be sent
}

// Over reports whether the exchange has ended, on either side.
func (st *Stream) Over() bool { return st.over }

// Midway reports whether a message was sent only in part. Only the rest of it or a reset
// may follow.
func (st *Stream) Midway() bool { return st.midway }

func (l *Link) newStream(st *Stream, id uint64) {
	st.ID = id
	st.credit, st.allowance = int64(l.peer.Window), int64(l.own.Window)
}

// charge subtracts the cost of a frame from the peer's allowance. If the stream has ended
// (nil), the cost is repaid at once.
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

// repay adds n to the credit owed for the connection, and grants it if it is enough.
func (l *Link) repay(n int64) {
	if l.owed += n; l.owed >= int64(l.own.ConnWindow)/creditShare {
		l.grant(0, l.owed)
		l.allowance += l.owed
		l.owed = 0
	}
}

// settle repays the cost of what was consumed of a stream, for the stream and the
// connection.
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

// Consumed must be called when a message was read. cost is Item.Cost.
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

// Release must be called when a stream is not read any more.
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
	Owned bool  // Body is not a part of the bytes that are fed
	Cost  int64 // for Consumed
	End   bool  // nothing follows
}

// arrived handles a Message or Data frame of a stream. ready reports whether it completes
// a message; if refused is not nil, the stream must be reset.
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
		if refused != nil {
			refused.Code = CodeTooLarge // CodeOverloaded says that nothing was executed
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
		l.releaseAssembly(st.asm)
		st.asm = nil
	}
	st.queued++
	if h.Has(frame.FlagEnd) && !planted.HalfCloseDropped {
		st.gotEnd, it.End = true, true
	}
	return it, true, nil, nil
}

// hold defers the credit for a piece of a message while earlier messages are unread, so
// that a peer cannot accumulate large messages.
func (l *Link) hold(st *Stream, cost int64) {
	if st.queued == 0 {
		l.settle(st, cost)
		return
	}
	st.held += cost
}

// credited handles a Credit frame.
func (l *Link) credited(h frame.Header, payload []byte, st *Stream) error {
	s := frame.From(payload)
	n := s.Uint()
	if s.Bad() || s.Len() > 0 || n == 0 || n > math.MaxInt32 {
		return broken("invalid CREDIT, or one of 0 bytes")
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
