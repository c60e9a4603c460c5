// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/memory"
)

func TestDeepCopy(t *testing.T) {
	c, s := connect(t)
	m := message("hello", transport.Field{Name: "micro-ID", Value: "1"})
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
	m.Body[0], m.Header[0].Value = 'X', "2"
	var got transport.Message
	if err := s.Recv(&got); err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != "hello" || got.Header[0] != (transport.Field{Name: "micro-ID", Value: "1"}) {
		t.Fatalf("got %q %v, want what was sent, names byte for byte", got.Body, got.Header)
	}
	got.Body[0], got.Header[0].Value = 'Y', "3"
	if m.Body[0] != 'X' || m.Header[0].Value != "2" {
		t.Fatal("the receiver changed the sender's message")
	}
}

func TestPeer(t *testing.T) {
	c, s := connect(t)
	cp, sp := c.(transport.Peer), s.(transport.Peer)
	if cp.LocalAddress() != sp.RemoteAddress() || cp.RemoteAddress() != sp.LocalAddress() || cp.LocalAddress() == "" {
		t.Fatalf("got %s-%s and %s-%s, want mirrored addresses", cp.LocalAddress(), cp.RemoteAddress(), sp.LocalAddress(), sp.RemoteAddress())
	}
}

func TestCloseDeliversWhatWasSent(t *testing.T) {
	c, s := connect(t)
	for range 3 {
		if err := c.Send(message("x")); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	var got transport.Message
	for range 3 {
		if err := s.Recv(&got); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Recv(&got); err != io.EOF {
		t.Fatalf("got %v, want io.EOF", err)
	}
	if err := s.Send(message("x")); !errors.Is(err, transport.ErrNotSent) {
		t.Fatalf("got %v, want ErrNotSent", err)
	}
	if s.Ready(0) {
		t.Fatal("got ready, want not ready after the peer closed")
	}
	if err := c.Recv(&got); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v, want net.ErrClosed", err)
	}
}

func TestBounds(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	later, cancelLater := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancelLater()
	tests := map[string]struct {
		ctx      context.Context
		deadline time.Duration
		want     error
	}{
		"deadline":         {context.Background(), 5 * time.Millisecond, os.ErrDeadlineExceeded},
		"deadline passed":  {context.Background(), -time.Second, os.ErrDeadlineExceeded},
		"canceled before":  {canceled, 0, context.Canceled},
		"ctx ends by time": {later, 0, context.DeadlineExceeded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := connect(t)
			var deadline time.Time
			if tt.deadline != 0 {
				deadline = time.Now().Add(tt.deadline)
			}
			c.Bind(tt.ctx, deadline)
			if err := c.Recv(new(transport.Message)); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if c.Ready(0) {
				t.Fatal("got ready, want not ready after an error")
			}
		})
	}
}

func TestSendIsBoundedAndWaits(t *testing.T) {
	c, s := connect(t)
	c.Bind(context.Background(), time.Now().Add(20*time.Millisecond))
	sent := 0
	var err error
	for ; sent < 10_000 && err == nil; sent++ {
		err = c.Send(message("x"))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, transport.ErrNotSent) {
		t.Fatalf("got %v after %d messages, want a deadline that proves that nothing was sent", err, sent)
	}
	var got transport.Message
	for range sent - 1 {
		if err := s.Recv(&got); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInterrupt(t *testing.T) {
	c, _ := connect(t)
	var wg sync.WaitGroup
	wg.Go(c.Interrupt)
	if err := c.Recv(new(transport.Message)); !errors.Is(err, transport.ErrInterrupted) {
		t.Fatalf("got %v, want ErrInterrupted", err)
	}
	wg.Wait()
	if err := c.Send(message("x")); !errors.Is(err, transport.ErrInterrupted) || !errors.Is(err, transport.ErrNotSent) {
		t.Fatalf("got %v, want ErrInterrupted and ErrNotSent", err)
	}
	if c.Ready(0) {
		t.Fatal("got ready, want not ready after an interrupt")
	}
}

func TestUnaskedMessage(t *testing.T) {
	c, s := connect(t)
	if !c.Ready(0) {
		t.Fatal("got not ready, want ready")
	}
	if err := s.Send(message("x")); err != nil {
		t.Fatal(err)
	}
	if c.Ready(0) {
		t.Fatal("got ready, want not ready with an unsolicited message")
	}
}

func TestTooLarge(t *testing.T) {
	c, _ := connect(t)
	err := c.Send(&transport.Message{Body: make([]byte, memory.MaxMessage+1)})
	if !errors.Is(err, transport.ErrTooLarge) || !errors.Is(err, transport.ErrNotSent) {
		t.Fatalf("got %v, want ErrTooLarge and ErrNotSent", err)
	}
}

func TestEchoAllocatesNothing(t *testing.T) {
	c, s := connect(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		var m transport.Message
		for ok := true; ok; {
			ok = s.Recv(&m) == nil && s.Send(&m) == nil
		}
	})
	m, got := message("hello", transport.Field{Name: "A", Value: "b"}), new(transport.Message)
	deadline := time.Now().Add(time.Minute)
	n := testing.AllocsPerRun(1000, func() {
		c.Bind(context.Background(), deadline)
		if err := errors.Join(c.Send(m), c.Recv(got)); err != nil {
			t.Fatal(err)
		}
	})
	if n >= 1 && !raceEnabled {
		t.Errorf("got %v allocations per exchange, want 0", n)
	}
	_ = c.Close()
	wg.Wait()
}
