// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// call is a unary call that runs on a goroutine of its own.
type call struct {
	st    session.Stream
	p     *peer
	req   Request
	reply Reply
	m     transport.Message
	loan  transport.Loan
	room  []byte
	gone  atomic.Bool
}

// keptRoom is how large a reply may be whose memory is used again.
const keptRoom = 64 << 10

// call begins one. It is called with the lock held.
func (p *peer) call(o *session.Opening) *session.Stream {
	c, _ := p.server.calls.Get().(*call)
	c.p = p
	c.st = session.Stream{Owner: c}
	c.req.call, c.req.block, c.req.Body = c, o.Block, o.Body
	if !o.Owned {
		if c.loan = p.in.lend(); c.loan == nil {
			c.req.Body = append([]byte(nil), o.Body...)
		}
	}
	p.handling++
	p.server.work.Add(1)
	go c.run()
	return &c.st
}

// run answers the call.
func (c *call) run() {
	p, s := c.p, c.p.server
	defer s.work.Done()
	c.reply = Reply{Body: c.room[:0]}
	ok := s.handle(&c.req, &c.reply)
	if c.loan != nil {
		c.loan.Return()
		c.loan = nil
	}
	c.m.Header, c.m.Body = c.reply.Header, c.reply.Body
	p.mu.Lock()
	var err error
	apart := ok && !c.st.Over() && p.apart(len(c.m.Body))
	if ok {
		err = p.core.Reply(&c.st, &c.m)
	}
	if !ok || err != nil {
		p.core.Reset(&c.st, failure(err))
	}
	if apart && err == nil {
		p.pushApart(c.m.Body)
	} else {
		p.wrote()
	}
	p.mu.Lock()
	p.handled()
	p.mu.Unlock()
	c.recycle(s)
}

// handled notes that a handler has returned. It is called with the lock held.
func (p *peer) handled() {
	if p.handling--; p.handling == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

func (c *call) recycle(s *Server) {
	if cap(c.reply.Body) <= keptRoom {
		c.room = c.reply.Body[:0]
	}
	c.p, c.req, c.reply, c.m = nil, Request{}, Reply{}, transport.Message{}
	c.gone.Store(false)
	s.calls.Put(c)
}

// cancelled is called with the lock held.
func (c *call) cancelled(error) { c.gone.Store(true) }

// stream has a stream served.
func (p *peer) stream(x *incoming) {
	defer p.server.work.Done()
	ok := false
	defer func() {
		if !ok {
			_ = recover() // the client is told
			x.Refuse(Internal, 0, "the handler has panicked")
		}
		p.mu.Lock()
		p.handled()
		p.mu.Unlock()
	}()
	p.server.config.Streams(x)
	_ = x.End(nil) // it is over already, or nobody is there to hear it
	ok = true
}
