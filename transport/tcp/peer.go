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

// peer is the server's end of a connection with mailcall's own protocol. Exchanges are
// handled by a [Server] if there is one, and otherwise returned by Accept.
type peer struct {
	line
	core   *session.Server
	clock  clock.Clock
	server *Server
	roomy  chan struct{} // capacity 1: signalled when something is written
	news   chan struct{} // capacity 1: signalled when an exchange can be accepted
	last   *incoming     // what the last Recv returned

	inline   inline    // used only by the reader
	begun    []begun   // calls that have begun; used only by the reader
	refusals []refusal // collected while the session is fed, and sent afterwards

	// Guarded by the line's lock.
	accepted []*incoming // wait for Accept
	handling int         // running handlers
	spare    []*call     // goroutines that wait for calls
	unused   int         // the shortest length of spare since the last trimSpare
	draining bool
}

var (
	_ transport.Acceptor = (*peer)(nil)
	_ transport.Peer     = (*peer)(nil)
	_ Drainer            = (*peer)(nil)
)

func newPeer(raw net.Conn, t *Transport, c session.Config, server *Server) *peer {
	p := &peer{clock: t.clock, server: server, roomy: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	p.init(raw, p, &t.config, &t.shelf)
	p.core = session.NewServer(c)
	p.link = &p.core.Link
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
	if len(p.arrived) > 0 || len(p.begun) > 0 || len(p.inline.calls) > 0 {
		p.mu.Unlock()
		p.wakeReceivers()
		p.startCalls()
		p.inline.run(p.server)
		p.mu.Lock()
		p.inline.answer(p)
	}
	p.unlockAndFlush()
	if err == nil {
		err = p.waitRoom()
	}
	return used, need, err
}

// waitRoom waits while too many bytes wait to be written: a client that does not read is
// not read from.
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

// running implements side.
func (p *peer) running() int {
	if p.server != nil {
		return p.handling
	}
	return p.core.Running()
}

// taken implements side.
func (p *peer) taken() { signal(p.roomy) }

// interval implements side.
func (p *peer) interval() { p.trimSpare() }

// wake implements side: at the server nothing is read by a goroutine that waits.
func (*peer) wake() {}

// await implements side.
func (*peer) await(f *flow) { <-f.readable }

// failAndUnlock implements side.
func (p *peer) failAndUnlock(err error, _ uint64) {
	p.core.Fail(lost(p.address, err, p.link.Parting()), p)
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

// busy reports whether no more handlers may be started. Handlers continue to run after
// their exchange was cancelled, so a client that cancels at once could start any number
// of them. The limit is twice that of exchanges.
func (p *peer) busy() bool {
	return max(p.handling, len(p.accepted)) >= 2*p.config.limits.Exchanges
}

// Opened implements session.ServerSink.
func (p *peer) Opened(o *session.Opening) *session.Stream {
	switch {
	case p.busy():
		return p.refuse(o.ID, session.Reset{
			Code: session.CodeOverloaded, RetryAfter: uint64(p.config.retryAfter / time.Millisecond),
			Reason: "too many cancelled exchanges still run",
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

// crowd is how many calls of a connection run on goroutines of their own although they
// could be answered inline.
const crowd = 16

// crowded reports whether a call gets a goroutine although it could be answered inline:
// it is large, and there are others that would wait while it is copied.
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

// Recv implements [transport.Conn], for responders that do not use Accept. It returns
// the request of the next unary exchange, and refuses streams.
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

// Send implements [transport.Conn]. It answers the request that the last Recv returned.
func (p *peer) Send(m *transport.Message) error {
	x := p.last
	p.last = nil
	if x == nil {
		return transport.NotSent(fmt.Errorf("tcp transport: client %s: nothing to answer", p.address))
	}
	return x.End(m)
}

// Drain implements [Drainer].
func (p *peer) Drain(reason string) {
	p.mu.Lock()
	if p.draining || p.err != nil {
		p.mu.Unlock()
		return
	}
	p.draining = true
	p.core.Leave(session.CodeNone, reason)
	p.unlockAndFlush()
}

// Close implements [transport.Conn].
func (p *peer) Close() error {
	p.lose(errClosed, 0)
	return nil
}

// NetConn returns the socket, or the TLS connection on top of it. It is for tests that
// simulate a broken server.
func (p *peer) NetConn() net.Conn {
	if p.tls != nil {
		return p.tls
	}
	return p.raw
}

// Drainer is implemented by the server's end of a connection with mailcall's own
// protocol.
type Drainer interface {
	// Drain tells the client to begin no more exchanges on this connection, with a
	// reason, which may be empty. Exchanges that have begun continue. Further calls do
	// nothing. It is safe for concurrent use.
	Drain(reason string)
}
