// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"example.com/mailcall/transport"
)

// maxConnections is how many connections a responder has open at a time; others
// are closed at once. The range of local ports is not much larger.
const maxConnections = 1 << 14

// acceptPause is the wait after an Accept that failed for a reason that may pass,
// such as a lack of file descriptors. It is net/http's first one.
const acceptPause = 5 * time.Millisecond

// serving is one listener and the loop that accepts from it.
type serving struct {
	listener transport.Listener
	over     chan struct{} // closed when the loop has ended
}

// Listen listens at address and serves in the background, until Kill or Close.
// Only a responder that was started by Listen can Restart.
func (r *Responder) Listen(on Listening, address string) error {
	l, err := on.Listen(address)
	if err != nil {
		return fmt.Errorf("mailcalltest: %s cannot listen: %w", r.name, err)
	}
	return r.begin(l, on)
}

// Serve serves from a listener in the background and returns at once. The responder
// owns the listener from then on and closes it, even if Serve returns an error,
// because the responder was closed or serves already.
func (r *Responder) Serve(l transport.Listener) error { return r.begin(l, nil) }

func (r *Responder) begin(l transport.Listener, on Listening) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.serving != nil {
		_ = l.Close() // nothing was accepted from it
		if r.closed {
			return fmt.Errorf("mailcalltest: %s is closed: %w", r.name, net.ErrClosed)
		}
		return fmt.Errorf("mailcalltest: %s serves at %s already; Kill it first", r.name, r.address)
	}
	s := &serving{listener: l, over: make(chan struct{})}
	r.serving, r.on, r.address = s, on, l.Address()
	r.work.Add(1)
	go r.accept(s)
	return nil
}

func (r *Responder) accept(s *serving) {
	defer r.work.Done()
	defer close(s.over)
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			r.admit(s, conn)
		case errors.Is(err, net.ErrClosed), !r.current(s):
			return
		case !wait(r.clock, acceptPause, r.done):
			return
		}
	}
}

func (r *Responder) current(s *serving) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.serving == s
}

func (r *Responder) admit(from *serving, conn transport.Conn) {
	if r.faults.next(onConnection).kind == kindRefuse {
		r.tally(func(s *Stats) { s.Connections++; s.Refused++ })
		reset(conn)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := newSession(ctx, r, conn, cancel)
	r.mu.Lock()
	welcome := r.serving == from && len(r.sessions) < maxConnections
	if welcome {
		r.totals.Connections++
		r.sessions[s] = struct{}{}
		r.work.Add(1)
	}
	r.mu.Unlock()
	if !welcome {
		cancel()
		_ = conn.Close() // the client sees the end of the connection
		return
	}
	go s.run(ctx)
}

// Kill simulates a crash: it stops listening and closes all connections at once.
// Dials are refused until Restart. Script, counters, delay and fail rate stay.
func (r *Responder) Kill() { _ = r.kill() }

func (r *Responder) kill() error {
	r.mu.Lock()
	serving := r.serving
	r.serving = nil
	sessions := make([]*session, 0, len(r.sessions))
	for s := range r.sessions {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	var err error
	if serving != nil {
		err = serving.listener.Close()
	}
	for _, s := range sessions {
		s.end()
	}
	if serving != nil {
		<-serving.over
	}
	return err
}

// Restart listens again at the same address. It returns an error if the responder
// was not started by Listen, was not killed, or was closed, or if the address is
// in use.
func (r *Responder) Restart() error {
	r.mu.Lock()
	on, address, alive := r.on, r.address, r.serving != nil
	r.mu.Unlock()
	switch {
	case alive:
		return fmt.Errorf("mailcalltest: %s still serves at %s; Kill it first", r.name, address)
	case on == nil:
		return fmt.Errorf("mailcalltest: %s was not started by Listen and cannot Restart", r.name)
	}
	return r.Listen(on, address)
}

// Close stops the responder and waits for all its goroutines, including handlers,
// even those that ignore their context. It returns the error of closing the
// listener. It may be repeated.
func (r *Responder) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	r.mu.Unlock()
	err := r.kill()
	r.work.Wait()
	return err
}
