// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// only returns the only connection of a server.
func only(t *testing.T, s *Server) *peer {
	t.Helper()
	peers := s.open()
	if len(peers) != 1 {
		t.Fatalf("got %d connections, want 1", len(peers))
	}
	return peers[0]
}

// until waits until a condition that the lock of p guards is true.
func until(t *testing.T, what string, p *peer, is func() bool) {
	t.Helper()
	for begun := time.Now(); ; runtime.Gosched() {
		p.mu.Lock()
		so := is()
		p.mu.Unlock()
		if so {
			return
		}
		if time.Since(begun) > longest {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// The goroutines of calls wait for further calls, up to a limit, until they have not been
// needed for long, or the connection ends.
func TestGoroutinesOfCallsAreUsedAgain(t *testing.T) {
	const calls = keptSpare + 50
	var all sync.WaitGroup
	gate := make(chan struct{})
	server, err := NewServer(ServerConfig{Handler: func(req *Request, reply *Reply) {
		if string(req.Body) == "gather" {
			all.Done()
			<-gate
		}
		reply.Body = append(reply.Body, req.Body...)
	}}, WithPing(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	c := dialled(t, served(t, server))
	all.Add(calls)
	who := make([]*caller, calls)
	for i := range who {
		who[i] = newCaller()
		if _, err := c.Begin(text("gather"), who[i], uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait() // they run side by side
	close(gate)
	for _, w := range who {
		w.got(t, c, 0, "gather")
	}
	p := only(t, server)
	until(t, "as many wait as may", p, func() bool { return len(p.spare) == keptSpare })
	before := runtime.NumGoroutine()
	for range 100 {
		w := newCaller()
		if _, err := c.Begin(text("again"), w, 1); err != nil {
			t.Fatal(err)
		}
		w.got(t, c, 0, "again")
	}
	if now := runtime.NumGoroutine(); now > before+10 {
		t.Errorf("got %d goroutines after calls one by one, want about the %d from before", now, before)
	}
	until(t, "those that wait in vain have gone", p, func() bool { return len(p.spare) == 0 })
	w := newCaller()
	if _, err := c.Begin(text("later"), w, 1); err != nil {
		t.Fatal(err)
	}
	w.got(t, c, 0, "later")
}

// A call on a goroutine that has served a cancelled one is not cancelled itself.
func TestGoroutineForgetsThatItsCallWasCancelled(t *testing.T) {
	begun := make(chan struct{})
	var told atomic.Bool
	server, err := NewServer(ServerConfig{Handler: func(req *Request, reply *Reply) {
		if string(req.Body) == "wait" {
			close(begun)
			for !req.Cancelled() {
				runtime.Gosched()
			}
		} else if req.Cancelled() {
			told.Store(true)
		}
		reply.Body = append(reply.Body, req.Body...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := dialled(t, served(t, server))
	id, err := c.Begin(text("wait"), newCaller(), 1)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	c.Cancel(id)
	p := only(t, server)
	until(t, "the goroutine waits for another call", p, func() bool { return len(p.spare) == 1 })
	w := newCaller()
	if _, err := c.Begin(text("again"), w, 2); err != nil {
		t.Fatal(err)
	}
	w.got(t, c, 0, "again")
	if told.Load() {
		t.Error("got a call that was told that it is cancelled, want that only for the one before")
	}
}

// A handler that ends its goroutine fails its call or, if it runs on the goroutine that
// reads the connection, all calls there; neither the callers nor Close wait for it.
func TestHandlerEndsItsGoroutine(t *testing.T) {
	for name, inline := range map[string]bool{"goroutine": false, "inline": true} {
		t.Run(name, func(t *testing.T) {
			server, err := NewServer(ServerConfig{Inline: inline, Handler: func(req *Request, reply *Reply) {
				if string(req.Body) == "leave" {
					runtime.Goexit()
				}
				reply.Body = append(reply.Body, req.Body...)
			}})
			if err != nil {
				t.Fatal(err)
			}
			c := dialled(t, served(t, server))
			for range 3 {
				w := newCaller()
				if _, err := c.Begin(text("leave"), w, 1); err != nil {
					t.Fatal(err)
				}
				if w.wait(t); w.err == nil {
					t.Fatalf("got the answer %q, want an error", w.body)
				}
				if inline {
					return
				}
				if _, err := c.Begin(text("stay"), w, 1); err != nil {
					t.Fatal(err)
				}
				w.got(t, c, 0, "stay")
			}
			p := only(t, server)
			until(t, "no handler counts as running", p, func() bool { return p.handling == 0 })
		})
	}
}

// dialled returns a connection that is closed with the test.
func dialled(t *testing.T, address string, opts ...Option) *conn {
	t.Helper()
	tr, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	var c transport.Conn
	if c, err = tr.Dial(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	own, _ := c.(*conn)
	return own
}
