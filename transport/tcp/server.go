// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// Handler answers unary calls by setting reply, which is an empty answer at first. A
// panic ends the call with [Internal]. It must be safe for concurrent use.
type Handler func(req *Request, reply *Reply)

// Request is a unary call, valid while its handler runs.
type Request struct {
	// Body is the encoded value. It must not be modified.
	Body []byte

	block frame.Block
	call  *call // nil: inline
}

// Endpoint returns the Micro-Endpoint of the call.
func (r *Request) Endpoint() string { return r.block.Endpoint() }

// Header returns all fields of the call. It must not be modified.
func (r *Request) Header() transport.Header { return r.block.Header() }

// Timeout returns how long the caller waits for the answer, from when it sent the call;
// 0 for no limit.
func (r *Request) Timeout() time.Duration { return timeout(r.block.Timeout) }

// Cancelled reports whether the caller has cancelled the call. For inline handlers it
// is always false, because nothing is received while they run.
func (r *Request) Cancelled() bool { return r.call != nil && r.call.gone.Load() }

// Reply is the answer to a call.
type Reply struct {
	// Header are the fields of the answer. Repeated headers cost very little. The slice
	// is neither modified nor kept.
	Header transport.Header
	// Body is empty at first, with capacity to append to. The handler appends the
	// encoded value, or sets another slice.
	Body []byte
}

// ServerConfig configures what a [Server] serves.
type ServerConfig struct {
	// Handler answers unary calls. It must not be nil.
	Handler Handler
	// Inline runs Handler on the goroutine that reads the connection, and answers all
	// calls that came with one read with one write. It is for handlers that never
	// block. A few large requests among others, of 16 KiB and more, still run on
	// goroutines, because copying them takes longer than starting one. False, the
	// default, runs each call on a goroutine of its own; up to 1,024 goroutines of a
	// connection are reused for later calls, for as long as so many are needed.
	Inline bool
	// Streams serves a stream, on a goroutine of its own. The stream ends when it
	// returns. Nil refuses all streams.
	Streams func(transport.Incoming)
}

// Server answers calls with mailcall's own protocol, as fast as possible. The Listen
// method of a [Transport] is easier to use. Make it with [NewServer]. It is safe for
// concurrent use.
type Server struct {
	config ServerConfig
	t      *Transport
	calls  sync.Pool // of *call
	work   sync.WaitGroup

	mu        sync.Mutex // guards all below
	listeners map[net.Listener]struct{}
	peers     map[*peer]struct{}
	greeting  map[net.Conn]struct{}
	closed    bool
}

// NewServer returns a server. The error is that of all options whose values are out of
// range and of a missing handler, joined.
func NewServer(c ServerConfig, opts ...Option) (*Server, error) {
	t, err := New(opts...)
	if c.Handler == nil {
		err = errors.Join(err, errors.New("tcp transport: a server without a handler"))
	}
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: c, t: t,
		listeners: map[net.Listener]struct{}{}, peers: map[*peer]struct{}{}, greeting: map[net.Conn]struct{}{},
	}
	s.calls.New = func() any { return &call{next: make(chan bool, 1)} }
	return s, nil
}

// Serve accepts connections from l until Shutdown or Close is called, or l fails, and
// closes l. It returns net.ErrClosed after Shutdown or Close, otherwise the error of l.
func (s *Server) Serve(l net.Listener) error {
	defer func() { _ = l.Close() }() // it has failed or was closed
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	for {
		raw, err := l.Accept()
		if err != nil {
			return s.ended(l, err)
		}
		if !s.admit(raw) {
			_ = raw.Close() // the client sees the end of the connection
			continue
		}
		go s.connection(raw)
	}
}

// ended returns why Serve ends.
func (s *Server) ended(l net.Listener, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	if s.closed {
		return net.ErrClosed
	}
	return fmt.Errorf("tcp transport: %w", err)
}

// admit registers a connection before the handshakes. It reports false if the server is
// closed or too many connections are at that stage.
func (s *Server) admit(raw net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.greeting) >= maxGreeting {
		return false
	}
	s.greeting[raw] = struct{}{}
	s.work.Add(1)
	return true
}

// connection serves one connection until it ends.
func (s *Server) connection(raw net.Conn) {
	defer s.work.Done()
	p, err := s.greet(raw)
	s.mu.Lock()
	delete(s.greeting, raw)
	if err == nil && s.closed {
		err = net.ErrClosed
	}
	if err == nil {
		s.peers[p] = struct{}{}
	}
	s.mu.Unlock()
	if err != nil {
		_ = raw.Close() // a client of another kind
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.peers, p)
		s.mu.Unlock()
	}()
	p.serve()
}

func (s *Server) greet(raw net.Conn) (*peer, error) {
	w, err := s.t.welcome(raw)
	if err != nil {
		return nil, err
	}
	if w.gob {
		return nil, errors.New("the client speaks gob")
	}
	return newPeer(w.raw, s.t, w.config, s), nil
}

// Shutdown stops accepting connections, tells all clients to begin no more exchanges,
// waits until all exchanges have been answered or ctx ends, and closes all connections
// as [Server.Close] does. It returns ctx.Err() if ctx has ended before that, else nil.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, p := range s.stop() {
		p.Drain("shutting down")
	}
	var err error
	for _, p := range s.open() {
		if err = p.drained(ctx); err != nil {
			break
		}
	}
	s.Close()
	return err
}

// Close stops accepting connections, closes all connections and waits until all handlers
// have returned.
func (s *Server) Close() {
	for _, p := range s.stop() {
		_ = p.Close() // never fails
	}
	s.work.Wait()
}

func (s *Server) stop() []*peer {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close() // Serve returns
	}
	for raw := range s.greeting {
		_ = raw.Close() // it has sent no request yet
	}
	s.mu.Unlock()
	return s.open()
}

func (s *Server) open() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	return peers
}

// drained waits until no exchange and no handler of the connection runs and everything
// is written, or ctx ends.
func (p *peer) drained(ctx context.Context) error {
	for {
		p.mu.Lock()
		busy := p.err == nil && (p.handling > 0 || p.core.Running() > 0 || p.link.Queued() > 0 || p.writing)
		idle := make(chan struct{})
		if busy {
			p.idle = idle
		}
		p.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-idle:
		case <-p.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func failure(err error) session.Reset {
	switch {
	case err == nil:
		return session.Reset{Code: session.CodeInternal, Reason: "the handler has panicked"}
	case errors.Is(err, transport.ErrTooLarge):
		return session.Reset{Code: session.CodeTooLarge, Reason: err.Error()}
	}
	return session.Reset{Code: session.CodeInternal, Reason: err.Error()}
}

// handle runs the handler. It reports false if that panics.
func (s *Server) handle(req *Request, reply *Reply) (ok bool) {
	defer func() {
		if !ok {
			_ = recover() // the caller gets an error
		}
	}()
	s.config.Handler(req, reply)
	return true
}
