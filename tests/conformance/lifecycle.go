// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"example.com/mailcall/transport"
)

func testCloseUnblocks(t *testing.T, b *bench) {
	took := make(chan struct{}, 1)
	b.serve(func(c transport.Conn) {
		var m transport.Message
		for c.Recv(&m) == nil {
			took <- struct{}{}
		}
	})
	c := b.dial()
	if err := c.Send(message("x")); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- c.Recv(new(transport.Message)) }()
	<-took
	if err := c.Close(); err != nil {
		t.Logf("Close: %v", err) // it may have something to say
	}
	if err := b.await("Recv", over); err == nil {
		t.Error("got no error from a Recv that Close ended, want one")
	}
}

func testCloseTwice(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	b.exchange(c, message("x"))
	_ = c.Close()
	_ = c.Close() // must not panic or hang
	if err := c.Send(message("x")); err == nil {
		t.Error("got no error from Send after Close, want one")
	}
	if err := c.Recv(new(transport.Message)); err == nil {
		t.Error("got no error from Recv after Close, want one")
	}
}

func testPeerEnds(t *testing.T, b *bench) {
	b.serve(func(c transport.Conn) { _ = c.Recv(new(transport.Message)) })
	c := b.dial()
	if err := c.Send(message("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Recv(new(transport.Message)); !ended(err) {
		t.Errorf("got %v, want io.EOF: the peer ended before the first byte", err)
	}
}

func testDeadPeer(t *testing.T, b *bench) {
	var seen atomic.Int64
	gone := make(chan error, 1)
	b.serve(func(c transport.Conn) {
		_ = c.Recv(new(transport.Message))
		gone <- c.Close()
		for c.Recv(new(transport.Message)) == nil {
			seen.Add(1)
		}
	})
	c := b.dial()
	if err := c.Send(message("first")); err != nil {
		t.Fatal(err)
	}
	_ = b.await("the peer", gone)
	var failure error
	b.until("Send to a dead peer to fail", func() bool {
		failure = c.Send(message("more"))
		return failure != nil
	})
	if errors.Is(failure, transport.ErrNotSent) && seen.Load() != 0 {
		t.Errorf("got %v, and the peer saw %d messages", failure, seen.Load())
	}
	t.Logf("Send to a dead peer: %v (NotSent: %t)", failure, errors.Is(failure, transport.ErrNotSent))
}

func testDialContext(t *testing.T, b *bench) {
	b.serve(echo)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, err := b.Transport.Dial(ctx, b.listener.Address())
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func testDialNobody(t *testing.T, b *bench) {
	if err := b.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := b.Transport.Dial(t.Context(), b.listener.Address()); err == nil {
		_ = c.Close()
		t.Error("got a connection where nobody listens, want an error")
	}
}

func testListenerClose(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.dial()
	b.exchange(c, message("before"))
	if err := b.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.exchange(c, message("after")); string(got.Body) != "after" {
		t.Errorf("got %q, want after", got.Body)
	}
	_ = c.Close()
}
