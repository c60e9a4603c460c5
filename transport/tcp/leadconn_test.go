// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

const longest = 20 * time.Second

// still is a clock that the test advances, without timers that fire.
type still struct{ hands }

func (*still) Timer(func()) clock.Timer { return unarmed{} }

type unarmed struct{}

func (unarmed) Reset(clock.Instant) {}
func (unarmed) Stop()               {}

// caller waits for one reply at a time, as a call does.
type caller struct {
	wake chan struct{}
	body string
	err  error
}

func newCaller() *caller { return &caller{wake: make(chan struct{}, 1)} }

func (c *caller) Deliver(_ uint64, m *transport.Message, loan transport.Loan, err error) {
	c.body, c.err = "", err
	if m != nil {
		c.body = string(m.Body)
	}
	if loan != nil {
		loan.Return()
	}
	c.wake <- struct{}{}
}

func (c *caller) wait(t *testing.T) {
	t.Helper()
	select {
	case <-c.wake:
	case <-time.After(longest):
		t.Fatal("nothing was delivered")
	}
}

// got waits for the reply, by leading if lead is not 0, and checks it.
func (c *caller) got(t *testing.T, on *conn, lead uint64, want string) {
	t.Helper()
	if lead == 0 || !on.Lead(lead, c.wake) {
		c.wait(t)
	}
	if c.err != nil || c.body != want {
		t.Errorf("got %q, %v, want %q", c.body, c.err, want)
	}
}

// held is a server that echoes, but answers "hold" only when the test allows it.
type held struct {
	address string
	server  *Server
	letGo   chan struct{}
	once    sync.Once
}

func (h *held) release() { h.once.Do(func() { close(h.letGo) }) }

func holding(t *testing.T) *held {
	t.Helper()
	h := &held{letGo: make(chan struct{})}
	var err error
	h.server, err = NewServer(ServerConfig{Handler: func(req *Request, reply *Reply) {
		if string(req.Body) == "hold" {
			<-h.letGo
		}
		reply.Body = append(reply.Body, req.Body...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.address = served(t, h.server)
	t.Cleanup(h.release)
	return h
}

// served runs a server until the test ends.
func served(t *testing.T, s *Server) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Serve(ln) // it ends with Close
	}()
	t.Cleanup(func() {
		s.Close()
		<-over
	})
	return ln.Addr().String()
}

// ledConn returns a connection whose listener rests, and its clock.
func ledConn(t *testing.T, address string, opts ...Option) (*conn, *still) {
	t.Helper()
	tr, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	hand := &still{hands{Clock: tr.clock}}
	tr.clock = hand
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	dialled, err := tr.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	c, _ := dialled.(*conn)
	for range loneStreak {
		who := newCaller()
		if _, err := c.Begin(text("alone"), who, 1); err != nil {
			t.Fatal(err)
		}
		who.got(t, c, 0, "alone")
	}
	eventually(t, "the listener rests", func() bool { return c.resting }, c)
	return c, hand
}

// eventually waits until a condition that the lock of c guards is true.
func eventually(t *testing.T, what string, is func() bool, c *conn) {
	t.Helper()
	for begun := time.Now(); ; runtime.Gosched() {
		c.mu.Lock()
		so := is()
		c.mu.Unlock()
		if so {
			return
		}
		if time.Since(begun) > longest {
			t.Fatalf("got no end of the wait until %s", what)
		}
	}
}

func text(body string) *transport.Message { return &transport.Message{Body: []byte(body)} }

// beginLead begins an exchange that is to be led.
func beginLead(t *testing.T, c *conn, who *caller, body string) (lead uint64) {
	t.Helper()
	_, lead, err := c.BeginLead(text(body), who, 1)
	if err != nil || lead == 0 {
		t.Fatalf("got lead %d, %v, want one", lead, err)
	}
	return lead
}

// leads begins an exchange that is not answered yet, and leads it on another goroutine. The
// channel receives the result of Lead.
func leads(t *testing.T, c *conn, who *caller) (over <-chan bool) {
	t.Helper()
	lead, told := beginLead(t, c, who, "hold"), make(chan bool, 1)
	go func() { told <- c.Lead(lead, who.wake) }()
	eventually(t, "somebody leads", func() bool { return c.reading }, c)
	return told
}
