// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

func testDeadline(t *testing.T, b *bench) {
	b.serve(silent)
	c := b.exclusive()
	c.Bind(context.Background(), time.Now().Add(30*time.Millisecond))
	if err := c.Send(message("x")); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Send: got %v, want nil or %v", err, os.ErrDeadlineExceeded)
	}
	if err := c.Recv(new(transport.Message)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Recv: got %v, want %v", err, os.ErrDeadlineExceeded)
	}
	past := b.exclusive()
	past.Bind(context.Background(), time.Now().Add(-time.Second))
	if err := past.Send(message("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Send after the deadline: got %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

func testCancel(t *testing.T, b *bench) {
	took := make(chan struct{}, 1)
	b.serve(func(c transport.Conn) {
		var m transport.Message
		for c.Recv(&m) == nil {
			took <- struct{}{}
		}
	})
	c := b.exclusive()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.Bind(ctx, time.Time{})
	over := make(chan error, 1)
	go func() {
		if err := c.Send(message("x")); err != nil {
			over <- err
			return
		}
		over <- c.Recv(new(transport.Message))
	}()
	<-took
	cancel()
	if err := b.await("Recv", over); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	c.Bind(ctx, time.Time{})
	if err := c.Send(message("x")); err == nil {
		t.Error("got no error from Send under a context that has ended, want one")
	}
}

// testRebind makes exchanges under bounds that end between them: none of them
// reaches into a later exchange.
func testRebind(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.exclusive()
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		bound := time.Now().Add(patience)
		if i%2 == 0 {
			bound = time.Time{}
		}
		c.Bind(ctx, bound)
		b.exchange(c, message("x"))
		cancel()
		if !c.Ready(0) {
			t.Fatalf("exchange %d: got not ready, want ready for the next", i)
		}
	}
	c.Bind(context.Background(), time.Time{})
	b.exchange(c, message("last"))
}

func testInterrupt(t *testing.T, b *bench) {
	took := make(chan struct{}, 1)
	b.serve(func(c transport.Conn) {
		var m transport.Message
		for c.Recv(&m) == nil {
			took <- struct{}{}
		}
	})
	c := b.exclusive()
	over := make(chan error, 1)
	go func() {
		if err := c.Send(message("x")); err != nil {
			over <- err
			return
		}
		over <- c.Recv(new(transport.Message))
	}()
	<-took
	c.Interrupt()
	if err := b.await("Recv", over); !errors.Is(err, transport.ErrInterrupted) {
		t.Errorf("Recv: got %v, want %v", err, transport.ErrInterrupted)
	}
	if err := c.Send(message("x")); !errors.Is(err, transport.ErrInterrupted) {
		t.Errorf("Send: got %v, want %v", err, transport.ErrInterrupted)
	}
	if err := c.Recv(new(transport.Message)); !errors.Is(err, transport.ErrInterrupted) {
		t.Errorf("Recv again: got %v, want %v", err, transport.ErrInterrupted)
	}
	if c.Ready(0) {
		t.Error("got ready after Interrupt, want good for Close only")
	}
	c.Interrupt() // may be repeated
}

func testReady(t *testing.T, b *bench) {
	end := make(chan struct{})
	release := sync.OnceFunc(func() { close(end) })
	t.Cleanup(release)
	b.serve(func(c transport.Conn) {
		var m transport.Message
		if c.Recv(&m) == nil && c.Send(&m) == nil {
			<-end
		}
	})
	c := b.exclusive()
	b.exchange(c, message("x"))
	if !c.Ready(0) || !c.Ready(time.Minute) {
		t.Error("got not ready after an exchange, want ready")
	}
	release()
	b.until("a connection that the peer closed to be not ready", func() bool { return !c.Ready(time.Minute) })
}
