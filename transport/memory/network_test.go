// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
)

func TestDialNobody(t *testing.T) {
	_, err := memory.New().Dial(context.Background(), "greeter:9")
	if !errors.Is(err, transport.ErrNotSent) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "greeter:9") {
		t.Fatalf("got %v, want a refused connection that names greeter:9", err)
	}
}

func TestListen(t *testing.T) {
	n := memory.New()
	a, err := n.Listen("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("x"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v, want EADDRINUSE", err)
	}
	b, err := n.Listen("")
	if err != nil || b.Address() == "" {
		t.Fatalf("got %v, %v, want a free address", b, err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v, want net.ErrClosed", err)
	}
	if a, err = n.Listen("x"); err != nil {
		t.Fatalf("got %v, want the address to be free again", err)
	}
	_, _ = a.Close(), b.Close()
}

func TestListenerCloseTurnsAwayWaiting(t *testing.T) {
	n := memory.New()
	ln, _ := n.Listen("x")
	c, err := n.Dial(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := c.Recv(new(transport.Message)); err != io.EOF {
		t.Fatalf("got %v, want io.EOF", err)
	}
}

func TestDialWaitsForRoomAndContext(t *testing.T) {
	n := memory.New()
	ln, _ := n.Listen("x")
	defer ln.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		_, err = n.Dial(ctx, "x")
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want context.DeadlineExceeded", err)
	}
}
