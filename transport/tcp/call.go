// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"slices"
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// call is a unary call that runs on a goroutine of its own. The goroutine is reused for
// later calls: a new one starts with a small stack, which is too small for most
// handlers, so that it would be copied in each call.
type call struct {
	st    session.Stream
	p     *peer
	req   Request
	reply Reply
	m     transport.Message
	loan  transport.Loan
	room  []byte
	gone  atomic.Bool
	next  chan bool // capacity 1: true for another call, false to end the goroutine
}

const (
	// keptRoom is the size in bytes up to which the memory of a reply is reused.
	keptRoom = 64 << 10
	// keptSpare is how many goroutines of a connection wait for its next calls at most.
	keptSpare = 1024
)

// call begins a call. It is called with the lock held.
func (p *peer) call(o *session.Opening) *session.Stream {
	c, waits := p.takeSpare()
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
	if !waits {
		p.server.work.Add(1)
	}
	p.begun = append(p.begun, begun{c, waits})
	return &c.st
}

// begun is a call whose goroutine is still to be started, or woken if it waits.
type begun struct {
	call  *call
	waits bool
}

// startCalls lets the calls run that have begun. It is called without the lock, which they
// need for their replies.
func (p *peer) startCalls() {
	for i, b := range p.begun {
		if b.waits {
			b.call.next <- true
		} else {
			go b.call.run(p)
		}
		p.begun[i] = begun{}
	}
	p.begun = p.begun[:0]
}

// run answers the call, and those that follow on this goroutine.
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

// answer calls the handler and sends its reply.
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
		p.unlockAndWriteApart(c.m.Body)
	} else {
		p.unlockAndFlush()
	}
}

// abort ends a call whose handler has ended the goroutine.
func (c *call) abort() {
	p := c.p
	if c.loan != nil {
		c.loan.Return()
	}
	p.mu.Lock()
	p.core.Reset(&c.st, failure(nil))
	p.handled()
	p.unlockAndFlush()
}

// wait ends the call and waits for the next one. It reports whether there is one.
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

// takeSpare returns a call whose goroutine waits, if there is one. It is called with the
// lock held.
func (p *peer) takeSpare() (c *call, waits bool) {
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

// trimSpare ends the goroutines that were not needed since its last call. It is called from
// time to time, with the lock held.
func (p *peer) trimSpare() {
	p.dismiss(p.unused)
	p.unused = len(p.spare)
}

// dismiss ends the n goroutines that have waited longest. It is called with the lock
// held.
func (p *peer) dismiss(n int) {
	for _, c := range p.spare[:n] {
		c.next <- false
	}
	p.spare = slices.Delete(p.spare, 0, n)
	p.unused = min(p.unused, len(p.spare))
}

// handled records that a handler has returned. It is called with the lock held.
func (p *peer) handled() {
	if p.handling--; p.handling == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// recycle drops all references of the call.
func (c *call) recycle() {
	if cap(c.reply.Body) <= keptRoom {
		c.room = c.reply.Body[:0]
	}
	c.p, c.req, c.reply, c.m = nil, Request{}, Reply{}, transport.Message{}
	c.gone.Store(false)
}

// cancelled is called with the lock held.
func (c *call) cancelled(error) { c.gone.Store(true) }

// stream serves a stream.
func (p *peer) stream(x *incoming) {
	defer p.server.work.Done()
	ok := false
	defer func() {
		if !ok {
			_ = recover() // the client gets an error
			x.Refuse(Internal, 0, "the handler has panicked")
		}
		p.mu.Lock()
		p.handled()
		p.mu.Unlock()
	}()
	p.server.config.Streams(x)
	_ = x.End(nil) // it fails only if the stream or the connection has ended
	ok = true
}
