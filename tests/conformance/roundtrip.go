// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// departure tells once a request is on its way.
type departure chan struct{}

func (d departure) Sent() { d <- struct{}{} }

// trips is exclusive for the clauses of transport.RoundTripper.
func (b *bench) trips() transport.RoundTripper {
	b.t.Helper()
	c, ok := b.exclusive().(transport.RoundTripper)
	if !ok {
		b.t.Skip("the connections are not transport.RoundTripper")
	}
	return c
}

func testTrip(t *testing.T, b *bench) {
	b.serve(echo)
	c := b.trips()
	sent := make(departure, 2)
	for _, body := range []string{"x", "", "another one"} {
		var got transport.Message
		if err := c.RoundTrip(message(body), &got, sent); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if string(got.Body) != body || len(sent) != 1 {
			t.Errorf("got %q and was told %d times that it is sent, want %q and once", got.Body, len(sent), body)
		}
		<-sent
		if !c.Ready(0) {
			t.Fatalf("%q: got not ready, want ready for the next", body)
		}
	}
}

// testTripEnds ends the wait for an answer, and then tries once more.
func testTripEnds(t *testing.T, b *bench) {
	b.serve(silent)
	for name, end := range map[string]struct {
		bound time.Duration
		how   func(c transport.Exclusive, cancel func())
		want  error
	}{
		"cancel":    {0, func(_ transport.Exclusive, cancel func()) { cancel() }, context.Canceled},
		"Interrupt": {0, func(c transport.Exclusive, _ func()) { c.Interrupt() }, transport.ErrInterrupted},
		"deadline":  {30 * time.Millisecond, func(transport.Exclusive, func()) {}, os.ErrDeadlineExceeded},
	} {
		c := b.trips()
		ctx, cancel := context.WithCancel(context.Background())
		var deadline time.Time
		if end.bound > 0 {
			deadline = time.Now().Add(end.bound)
		}
		c.Bind(ctx, deadline)
		sent, over := make(departure, 1), make(chan error, 1)
		go func() { over <- c.RoundTrip(message("x"), new(transport.Message), sent) }()
		<-sent
		end.how(c, cancel)
		if err := b.await("RoundTrip", over); !errors.Is(err, end.want) || errors.Is(err, transport.ErrNotSent) {
			t.Errorf("%s: got %v, want %v, and not %v", name, err, end.want, transport.ErrNotSent)
		}
		if err := c.RoundTrip(message("x"), new(transport.Message), sent); !errors.Is(err, transport.ErrNotSent) {
			t.Errorf("%s: got %v from another one, want %v", name, err, transport.ErrNotSent)
		}
		cancel()
	}
}
