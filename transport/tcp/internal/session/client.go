// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/planted"
)

// ClientSink receives the results of a client's session. Its methods are called by Feed
// and Fail, and must not call the session. A body is a part of the bytes that are fed,
// unless it is owned.
type ClientSink interface {
	// Reply is called with the answer to a unary exchange, which has ended.
	Reply(r transport.Receiver, token uint64, header transport.Header, body []byte, owned bool)
	// Failed is called when a unary exchange ends without an answer.
	Failed(r transport.Receiver, token uint64, err error)
	StreamSink
}

// StreamSink receives the results for streams.
type StreamSink interface {
	// Item is called with a message.
	Item(st *Stream, it Item)
	// Ended is called when the peer ends its direction. It ends a client's stream.
	Ended(st *Stream, trailer transport.Header)
	// Broke is called when a stream fails.
	Broke(st *Stream, err error)
	// Credited is called when more may be sent on a stream, or, with nil, on all.
	Credited(st *Stream)
}

// ResetError returns the error for a reset of the peer, whose type package tcp defines.
type ResetError func(r Reset) error

// Client is the session of the side that begins exchanges.
type Client struct {
	Link
	slots   []slot
	free    []uint32
	bound   int
	running int
	begun   uint64 // how many exchanges have begun; numbers them
	leaving bool   // the peer accepts no more exchanges
	last    uint64 // the number of the last exchange that it has accepted
	toError ResetError
}

type slot struct {
	receiver transport.Receiver
	token    uint64
	number   uint64 // of the exchange on this connection, from 1
	start    uint64 // position of its first byte, see Link.Position
	stream   *Stream
	asm      *assembly
	gen      uint32
	live     bool
}

// NewClient returns the session of a connection after the exchange of prefaces. It runs at
// most bound exchanges at a time, and not more than the peer's limit.
func NewClient(c Config, bound int, toError ResetError) *Client {
	s := &Client{bound: bound, toError: toError}
	s.init(c, func(*Stream) {}) // the server's direction is still open
	return s
}

// Running returns how many exchanges run, streams included.
func (c *Client) Running() int { return c.running }

// Begun returns how many exchanges have begun.
func (c *Client) Begun() uint64 { return c.begun }

// Leaving reports whether the peer accepts no more exchanges.
func (c *Client) Leaving() bool { return c.leaving || c.peer.Exchanges == 0 }

// Full reports whether as many exchanges run as allowed.
func (c *Client) Full() bool { return c.running >= min(c.bound, c.peer.Exchanges) }

// Begin begins a unary exchange. It must not be called if the session is Full.
func (c *Client) Begin(m *transport.Message, r transport.Receiver, token uint64) (id uint64, err error) {
	c.room()
	start, position := len(c.out), c.written()
	index := c.pick()
	s := &c.slots[index]
	id = uint64(s.gen)<<32 | uint64(index)
	h := frame.Header{Type: frame.Open, Flags: frame.FlagEnd, ID: id}
	// If the body fits with the largest head, the length of the head need not be
	// checked.
	n := len(m.Body)
	if !c.Fits(n) {
		if err = c.beginLarge(h, m); err != nil {
			return 0, err
		}
	} else {
		if err = c.appendHead(h, 0, 0, m.Header); err != nil {
			return 0, err
		}
		head := len(c.out) - start - frame.HeaderSize
		c.body(m.Body)
		frame.Finish(c.out, start, head, n)
	}
	c.occupy(index, position)
	s.receiver, s.token = r, token
	return id, nil
}

// beginLarge writes a message whose body may not fit into one frame.
func (l *Link) beginLarge(h frame.Header, m *transport.Message) error {
	if len(m.Body) > l.peer.Message {
		return tooLarge("message", len(m.Body), l.peer.Message)
	}
	bound := headBound(m.Header)
	if bound > l.peer.Frame/2 {
		return tooLarge("header", bound, l.peer.Frame/2)
	}
	body := m.Body
	first := min(len(body), l.peer.Frame-bound)
	end := h.Flags & frame.FlagEnd
	h.Flags &^= frame.FlagEnd
	if first < len(body) {
		h.Flags |= frame.FlagMore
	} else {
		h.Flags |= end
	}
	start := len(l.out)
	if err := l.appendHead(h, 0, len(body), m.Header); err != nil {
		return err
	}
	head := len(l.out) - start - frame.HeaderSize
	l.out = append(l.out, body[:first]...)
	frame.Finish(l.out, start, head, first)
	for body = body[first:]; len(body) > 0; {
		l.room()
		n := min(len(body), l.peer.Frame)
		d := frame.Header{Length: uint32(n), Type: frame.Data, Flags: h.Flags &^ (frame.FlagMore | frame.FlagEnd), ID: h.ID}
		if n < len(body) {
			d.Flags |= frame.FlagMore
		} else {
			d.Flags |= end
		}
		l.out = append(d.Append(l.out), body[:n]...)
		body = body[n:]
	}
	return nil
}

// Open begins a stream. timeout is in nanoseconds; 0 is that of the header, if it has one.
// It must not be called if the session is Full.
func (c *Client) Open(header transport.Header, timeout uint64, st *Stream) error {
	if bound := headBound(header); bound > c.piece() {
		return tooLarge("header", bound, c.piece())
	}
	start, position := len(c.out), c.written()
	index := c.pick()
	s := &c.slots[index]
	h := frame.Header{Type: frame.Open, Flags: frame.FlagStream, ID: uint64(s.gen)<<32 | uint64(index)}
	if err := c.appendHead(h, timeout, 0, header); err != nil {
		return err
	}
	frame.Finish(c.out, start, len(c.out)-start-frame.HeaderSize, 0)
	c.newStream(st, h.ID)
	c.occupy(index, position)
	s.stream = st
	return nil
}

// pick returns the index of a free slot. occupy takes it.
func (c *Client) pick() uint32 {
	if len(c.free) == 0 {
		c.slots = append(c.slots, slot{gen: 1})
		c.free = append(c.free, uint32(len(c.slots)-1))
	}
	return c.free[len(c.free)-1]
}

func (c *Client) occupy(index uint32, position uint64) {
	c.free = c.free[:len(c.free)-1]
	c.running++
	c.begun++
	s := &c.slots[index]
	s.live, s.number, s.start = true, c.begun, position
}

// vacate ends an exchange on this side, and frees its slot.
func (c *Client) vacate(s *slot, index uint32) {
	if s.asm != nil {
		c.releaseAssembly(s.asm)
		s.asm = nil
	}
	if s.stream != nil {
		s.stream.over = true
		c.releaseAssembly(s.stream.asm)
		s.stream.asm, s.stream = nil, nil
	}
	s.receiver = nil
	s.live = false
	if s.gen++; s.gen == 0 {
		s.gen = 1
	}
	c.free = append(c.free, index)
	c.running--
}

// slot returns the slot of a live exchange, nil for any other id.
func (c *Client) slot(id uint64) (*slot, uint32) {
	index := uint32(id)
	if uint64(index) >= uint64(len(c.slots)) {
		return nil, 0
	}
	s := &c.slots[index]
	if !s.live || uint64(s.gen) != id>>32 && !planted.WrongID {
		return nil, 0
	}
	return s, index
}

// Cancel cancels an exchange. It reports false if the exchange has ended already.
func (c *Client) Cancel(id uint64, code Code) bool {
	s, index := c.slot(id)
	if s == nil {
		return false
	}
	c.vacate(s, index)
	c.reset(id, Reset{Code: code})
	return true
}

// CloseSend ends this side's direction of a stream.
func (c *Client) CloseSend(st *Stream) error {
	switch {
	case st.over || st.sentEnd:
		return nil
	case st.midway:
		return errMidway
	}
	return c.end(st, nil)
}

// Leave sends a goaway with the reason, once.
func (c *Client) Leave(code Code, reason string) {
	if !c.said {
		c.said = true
		c.goaway(0, code, reason)
	}
}

// Fail fails all exchanges with err. sent is the position up to which bytes may have been
// sent; the errors of exchanges that began after it are made with [transport.NotSent].
func (c *Client) Fail(err error, sent uint64, sink ClientSink) {
	c.leaving = true
	notSent := transport.NotSent(err)
	for i := range c.slots {
		if s := &c.slots[i]; s.live {
			why := err
			if s.start >= sent {
				why = notSent
			}
			c.fail(s, uint32(i), why, sink)
		}
	}
}

func (c *Client) fail(s *slot, index uint32, err error, sink ClientSink) {
	r, token, st := s.receiver, s.token, s.stream
	c.vacate(s, index)
	if st != nil {
		sink.Broke(st, err)
		return
	}
	sink.Failed(r, token, err)
}
