// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// inline holds the calls that came with one read, and their answers.
type inline struct {
	calls   []inlineCall
	scratch []byte
	m       transport.Message
}

type inlineCall struct {
	id     uint64
	req    Request
	reply  Reply
	failed bool
}

// keptScratch bounds the memory for replies that is kept, in bytes.
const keptScratch = 1 << 20

func (b *inline) add(o *session.Opening) {
	if len(b.calls) == cap(b.calls) {
		b.calls = append(b.calls, inlineCall{})
	} else {
		b.calls = b.calls[:len(b.calls)+1]
	}
	c := &b.calls[len(b.calls)-1]
	c.id, c.req.block, c.req.Body = o.ID, o.Block, o.Body
}

// run calls the handler for all calls.
func (b *inline) run(s *Server) {
	room := b.scratch[:0]
	for i := range b.calls {
		c := &b.calls[i]
		c.reply = Reply{Body: room[len(room):]}
		c.failed = !s.handle(&c.req, &c.reply)
		n := len(c.reply.Body)
		switch {
		case n == 0:
		case cap(room)-len(room) >= n && &room[len(room) : len(room)+1][0] == &c.reply.Body[0]:
			room = room[:len(room)+n]
		case cap(room)-len(room) < n && cap(room) < keptScratch:
			room = make([]byte, 0, max(2*cap(room), 4*n, 4<<10))
			if cap(b.scratch) < cap(room) {
				b.scratch = room
			}
		}
	}
}

// answer writes the replies. It is called with the lock held.
func (b *inline) answer(p *peer) {
	s := p.core
	for i := range b.calls {
		c := &b.calls[i]
		var err error
		if !c.failed {
			b.m.Header, b.m.Body = c.reply.Header, c.reply.Body
			apart := p.apart(len(b.m.Body))
			err = s.Answer(c.id, &b.m)
			if apart && err == nil {
				p.unlockAndWriteApart(b.m.Body)
				p.mu.Lock()
			}
		}
		if c.failed || err != nil {
			s.ResetID(c.id, failure(err))
		}
		*c = inlineCall{}
	}
	b.calls = b.calls[:0]
	b.m = transport.Message{}
}
