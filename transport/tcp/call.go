// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"slices"
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// call is a unary call that runs on a goroutine of its own. The goroutine stays
// for the calls that follow: a new one begins with a small stack, and what most
// handlers do does not fit, so that it would be copied for each call.
type call struct {
	st    session.Stream
	p     *peer
	req   Request
	reply Reply
	m     transport.Message
	loan  transport.Loan
	room  []byte
	gone  atomic.Bool
	next  chan bool // capacity 1: whether there is another call for its goroutine
}

const (
	// keptRoom is how large a reply may be whose memory is used again.
	keptRoom = 64 << 10
	// keptSpare is how many goroutines of a connection wait for its next calls.
	keptSpare = 1024
)

// call begins one. It is called with the lock held.
func (p *peer) call(o *session.Opening) *session.Stream {
	c, waits := p.unspare()
	if !waits {
		c, _ = p.server.calls.Get().(*call)
	}
	c.p = p
	c.st = session.Stream{Owner: c}
	c.req.call, c.req.block, c.req.Body = c, o.Block, o.Body
	if !o.Owned {
		if c.loan = p.in.lend(); c.loan == nil {
			c.req.Body = append([]byte(nil), o.Body...)
		}
	}
	p.handling++
	if waits {
		c.next <- true
	} else {
		p.server.work.Add(1)
		go c.run(p)
	}
	return &c.st
}

// run answers the call, and those that follow it.
func (c *call) run(p *peer) {
	s, left := p.server, true
	defer func() {
		if left {
			c.abort() // the handler has ended the goroutine
		}
		s.work.Done()
	}()
	for again := true; again; {
		c.answer()
		again = c.wait()
	}
	left = false
	s.calls.Put(c)
}

// answer has the handler called and sends what it says.
func (c *call) answer() {
	p := c.p
	c.reply = Reply{Body: c.room[:0]}
	ok := p.server.handle(&c.req, &c.reply)
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
}

// abort ends a call whose goroutine ends.
func (c *call) abort() {
	p := c.p
	if c.loan != nil {
		c.loan.Return()
	}
	p.mu.Lock()
	p.core.Reset(&c.st, failure(nil))
	p.handled()
	p.wrote()
}

// wait ends the call and waits for the next. It reports whether there is one.
func (c *call) wait() bool {
	p := c.p
	c.recycle()
	p.mu.Lock()
	p.handled()
	spare := p.err == nil && len(p.spare) < keptSpare
	if spare {
		p.spare = append(p.spare, c)
	}
	p.mu.Unlock()
	return spare && <-c.next
}

// unspare takes a call whose goroutine waits, if one does. It is called with the
// lock held.
func (p *peer) unspare() (c *call, waits bool) {
	n := len(p.spare)
	if n == 0 {
		return nil, false
	}
	c = p.spare[n-1]
	p.spare[n-1] = nil
	p.spare = p.spare[:n-1]
	p.unused = min(p.unused, n-1)
	return c, true
}

// thin ends the goroutines that have waited since it was called last. It is
// called now and then, with the lock held.
func (p *peer) thin() {
	p.dismiss(p.unused)
	p.unused = len(p.spare)
}

// dismiss ends the n goroutines that have waited longest for a call. It is called
// with the lock held.
func (p *peer) dismiss(n int) {
	for _, c := range p.spare[:n] {
		c.next <- false
	}
	p.spare = slices.Delete(p.spare, 0, n)
	p.unused = min(p.unused, len(p.spare))
}

// handled notes that a handler has returned. It is called with the lock held.
func (p *peer) handled() {
	if p.handling--; p.handling == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// recycle lets go of all that belongs to the call.
func (c *call) recycle() {
	if cap(c.reply.Body) <= keptRoom {
		c.room = c.reply.Body[:0]
	}
	c.p, c.req, c.reply, c.m = nil, Request{}, Reply{}, transport.Message{}
	c.gone.Store(false)
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
