// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// peer is the responder's end of a connection on mailcall's own wire. With a
// server it hands exchanges to that, without one to who calls Accept.
type peer struct {
	line
	core   *session.Server
	clock  clock.Clock
	server *Server
	roomy  chan struct{} // capacity 1: something was written
	news   chan struct{} // capacity 1: something can be accepted
	last   *incoming     // what the last Recv returned

	inline   inline    // only the reader touches it
	refusals []refusal // what the session is fed cannot be answered at once

	accepted []*incoming // guarded by the line's lock
	handling int         // handlers that run; guarded by the line's lock
	spare    []*call     // their goroutines wait for calls; guarded by the line's lock
	unused   int         // the fewest there were since thin; guarded by the line's lock
	draining bool        // guarded by the line's lock
}

var (
	_ transport.Acceptor = (*peer)(nil)
	_ transport.Peer     = (*peer)(nil)
	_ Drainer            = (*peer)(nil)
)

func newPeer(raw net.Conn, t *Transport, c session.Config, server *Server) *peer {
	p := &peer{clock: t.clock, server: server, roomy: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	p.init(raw, &t.config, &t.shelf)
	p.core = session.NewServer(c, uint64(t.config.retryAfter/time.Millisecond))
	p.link = &p.core.Link
	p.running = p.core.Running
	if server != nil {
		p.running = func() int { return p.handling }
	}
	p.failed, p.rung = p.fall, p.thin
	p.onTake = func() { signal(p.roomy) }
	return p
}

// serve reads until the connection ends.
func (p *peer) serve() {
	err := errLeft
	defer func() {
		p.lose(err, 0)
		p.in.drop()
	}()
	err = p.listen(p.fed)
}

func (p *peer) fed(b []byte) (used, need int, err error) {
	now := int64(p.clock.Now())
	p.mu.Lock()
	credit := p.core.Credit()
	used, need, err = p.core.Feed(b, now, p)
	if p.core.Credit() != credit {
		p.feedStarved()
	}
	for _, r := range p.refusals {
		p.core.ResetID(r.id, r.why)
	}
	p.refusals = p.refusals[:0]
	if len(p.inline.calls) > 0 {
		p.mu.Unlock()
		p.inline.run(p.server)
		p.mu.Lock()
		p.inline.answer(p)
	}
	p.wrote()
	if err == nil {
		err = p.waitRoom()
	}
	return used, need, err
}

// waitRoom waits while too much is to be written: who does not read is not
// read from.
func (p *peer) waitRoom() error {
	for {
		p.mu.Lock()
		queued, err := p.link.Queued(), p.err
		p.mu.Unlock()
		if err != nil || queued <= p.config.queue/queueShare {
			return err
		}
		select {
		case <-p.roomy:
		case <-p.over:
		}
	}
}

// fall ends all exchanges with the line.
func (p *peer) fall(err error, _ uint64) {
	p.core.Fail(lost(p.address, err), p)
	p.dismiss(len(p.spare))
	p.mu.Unlock()
	signal(p.news)
	signal(p.roomy)
}

// refusal is an exchange that is not served.
type refusal struct {
	id  uint64
	why session.Reset
}

func (p *peer) refuse(id uint64, why session.Reset) *session.Stream {
	p.refusals = append(p.refusals, refusal{id, why})
	return nil
}

// busy reports whether no handler may begin: those of exchanges that were given
// up run on, and a client that gives up at once could have any number of them.
// It may have as many as there may be exchanges.
func (p *peer) busy() bool {
	return max(p.handling, len(p.accepted)) >= 2*p.config.limits.Exchanges
}

// Opened implements session.ServerSink.
func (p *peer) Opened(o *session.Opening) *session.Stream {
	switch {
	case p.busy():
		return p.refuse(o.ID, session.Reset{
			Code: session.CodeOverloaded, RetryAfter: uint64(p.config.retryAfter / time.Millisecond),
			Reason: "too many exchanges that were given up still run",
		})
	case p.server == nil:
		x := newIncoming(p, o)
		p.accepted = append(p.accepted, x)
		signal(p.news)
		return &x.st
	case o.Unary && p.server.config.Inline && !p.crowded(o):
		p.inline.add(o)
		return nil
	case o.Unary:
		return p.call(o)
	case p.server.config.Streams == nil:
		return p.refuse(o.ID, session.Reset{Code: session.CodeUnsupported, Reason: "streams are not served here"})
	default:
		x := newIncoming(p, o)
		p.handling++
		p.server.work.Add(1)
		go p.stream(x)
		return &x.st
	}
}

// crowd is how many calls of a connection that could be answered at once run on
// goroutines of their own.
const crowd = 16

// crowded reports whether a call that could be answered at once gets a goroutine
// all the same: it is large, so that others would wait for its copies.
func (p *peer) crowded(o *session.Opening) bool {
	return len(o.Body) >= apartSize && p.handling <= crowd && (p.handling > 0 || len(p.inline.calls) > 0)
}

// Item implements session.StreamSink.
func (p *peer) Item(st *session.Stream, it session.Item) { flowOf(st).item(it, &p.in) }

// Ended implements session.StreamSink.
func (p *peer) Ended(st *session.Stream, trailer transport.Header) { flowOf(st).finish(trailer) }

// Broke implements session.StreamSink.
func (p *peer) Broke(st *session.Stream, err error) {
	switch owner := st.Owner.(type) {
	case *flow:
		owner.breakOff(err)
		owner.cancel()
	case *call:
		owner.cancelled(err)
	}
}

// Credited implements session.StreamSink.
func (p *peer) Credited(st *session.Stream) {
	if st == nil {
		return
	}
	if f := flowOf(st); f != nil {
		signal(f.writable)
	}
}

// Accept implements [transport.Acceptor].
func (p *peer) Accept() (transport.Incoming, error) {
	x, err := p.next()
	if err != nil {
		return nil, err
	}
	return x, nil
}

func (p *peer) next() (*incoming, error) {
	for {
		p.mu.Lock()
		if len(p.accepted) > 0 {
			x := p.accepted[0]
			p.accepted[0] = nil
			p.accepted = p.accepted[1:]
			p.mu.Unlock()
			return x, nil
		}
		err := p.err
		p.mu.Unlock()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, errClosed) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("tcp transport: client %s: %w", p.address, err)
		}
		select {
		case <-p.news:
		case <-p.over:
		}
	}
}

// Recv implements [transport.Conn], for responders that know no better: the
// request of the next unary exchange. Streams are refused.
func (p *peer) Recv(m *transport.Message) error {
	for {
		x, err := p.next()
		if err != nil {
			return err
		}
		if x.Unary() {
			p.last = x
			return x.Recv(m)
		}
		x.Refuse(Unsupported, 0, "streams are not served here")
	}
}

// Send implements [transport.Conn]: it answers what the last Recv returned.
func (p *peer) Send(m *transport.Message) error {
	x := p.last
	p.last = nil
	if x == nil {
		return transport.NotSent(fmt.Errorf("tcp transport: client %s: nothing to answer", p.address))
	}
	return x.End(m)
}

// Drain tells the client to begin no more exchanges on this connection; those
// that it has begun go on. It may be called from any goroutine.
func (p *peer) Drain(reason string) {
	p.mu.Lock()
	if p.draining || p.err != nil {
		p.mu.Unlock()
		return
	}
	p.draining = true
	p.core.Leave(session.CodeNone, reason)
	p.wrote()
}

// Close implements [transport.Conn].
func (p *peer) Close() error {
	p.lose(errClosed, 0)
	return nil
}

// NetConn returns what is written to: the socket, or the TLS connection on top
// of it. It is for responders that play a broken server.
func (p *peer) NetConn() net.Conn {
	if p.tls != nil {
		return p.tls
	}
	return p.raw
}

// Drainer is implemented by the responder's end of a connection on mailcall's
// own wire.
type Drainer interface {
	// Drain tells the client to begin no more exchanges here.
	Drain(reason string)
}
