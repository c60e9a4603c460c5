// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport/tcp"
)

// hole forwards connections to a server. Those that are open when it is shut
// stay open, and nothing passes any more, as when a firewall has forgotten them.
type hole struct {
	net.Listener
	shut atomic.Int64 // how many of the first connections are
	n    atomic.Int64
}

func dig(t *testing.T, to string) *hole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{Listener: l}
	over := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			n := h.n.Add(1)
			go h.pass(out, c, n)
			go h.pass(c, out, n)
		}
	}()
	return h
}

func (h *hole) pass(to, from net.Conn, n int64) {
	defer func() { _ = to.Close() }()
	b := make([]byte, 32<<10)
	for {
		k, err := from.Read(b)
		if err != nil {
			return
		}
		if n > h.shut.Load() {
			_, _ = to.Write(b[:k])
		}
	}
}

// A shared connection on which calls run out of time while nothing at all comes
// takes no more of them, long before pings would find out.
func TestSilentConnectionTakesNoNewCalls(t *testing.T) {
	wire, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	r := mailcalltest.NewGreeter("greeter")
	t.Cleanup(func() { _ = r.Close() })
	if err := r.Listen(wire, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	h := dig(t, r.Address())
	c := start(t, api.WithTransport(wire), api.WithAddress(h.Addr().String()), api.WithRetries(0), api.WithAttemptTimeout(200*time.Millisecond))
	ctx := within(t)
	if err := greetAnn(ctx, c); err != nil {
		t.Fatal(err)
	}
	h.shut.Store(h.n.Load())
	for err := greetAnn(ctx, c); err != nil; err = greetAnn(ctx, c) {
		if ctx.Err() != nil {
			t.Fatalf("got %v in %s, want an answer on another connection", err, patience)
		}
	}
	if n := h.n.Load(); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
}
