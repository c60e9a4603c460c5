// SPDX-License-Identifier: Apache-2.0

package delivery_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/delivery"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

func event(body string) broker.Event {
	return broker.Event{Topic: "a", Message: broker.Message{Body: []byte(body)}}
}

// held is an inbox whose handler is in a call and waits for release.
func held(t *testing.T, opts ...broker.SubscribeOption) (in *delivery.Inbox, got <-chan string, release chan<- struct{}) {
	t.Helper()
	bodies, gate := make(chan string, 64), make(chan struct{})
	in, err := delivery.New("a", func(_ context.Context, e broker.Event) error {
		bodies <- string(e.Message.Body)
		<-gate
		return nil
	}, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Offer(event("first")); err != nil {
		t.Fatal(err)
	}
	if body := <-bodies; body != "first" {
		t.Fatalf("got %q, want first", body)
	}
	return in, bodies, gate
}

func TestBoundOfBytes(t *testing.T) {
	in, got, release := held(t, broker.WithWaitingBytes(10))
	large := event(strings.Repeat("x", 100))
	if err := in.Offer(large); err != nil {
		t.Errorf("got %v for a large event when none waits, want it taken", err)
	}
	small := event("y")
	small.Message.Header = metadata.Metadata{"name": "value"}
	if err := in.Offer(small); !errors.Is(err, broker.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	release <- struct{}{}
	if body := <-got; len(body) != 100 {
		t.Errorf("got %q, want the large one", body)
	}
	if err := in.Offer(small); err != nil { // ten bytes, the bound
		t.Errorf("got %v, want room again", err)
	}
	if err := in.Offer(event("z")); !errors.Is(err, broker.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if n := in.Dropped(); n != 2 {
		t.Errorf("got %d dropped, want 2", n)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	close(release)
	<-in.Done()
}

func TestClose(t *testing.T) {
	broken, closed := errors.New("broken"), 0
	in, err := delivery.New("a", func(context.Context, broker.Event) error { return nil }, func() error { closed++; return broken })
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != broken {
		t.Errorf("got %v, want the error of onClose", err)
	}
	<-in.Done() // nothing ever ran
	if err := in.Close(); err != nil || closed != 1 {
		t.Errorf("got %v and %d calls of onClose, want nil and 1", err, closed)
	}
	if err := in.Offer(event("x")); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestPanicHasAStack(t *testing.T) {
	cause, told := errors.New("cause"), make(chan error, 1)
	in, err := delivery.New("a", func(context.Context, broker.Event) error { panic(cause) }, nil,
		broker.WithErrorFunc(func(_ broker.Event, err error) { told <- err }))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Offer(event("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, rpcerr.ErrPanic) || !errors.Is(err, cause) || !strings.Contains(err.Error(), "delivery_test.go") {
		t.Errorf("got %v, want ErrPanic with cause and stack", err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	<-in.Done()
}

// A handler that takes its goroutine with it does not take the subscription.
func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	got, told := make(chan string, 2), make(chan error, 2)
	in, err := delivery.New("a", func(_ context.Context, e broker.Event) error {
		got <- string(e.Message.Body)
		runtime.Goexit()
		return nil
	}, nil, broker.WithErrorFunc(func(_ broker.Event, err error) { told <- err }))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"x", "y"} {
		if err := in.Offer(event(body)); err != nil {
			t.Fatal(err)
		}
		if handled := <-got; handled != body {
			t.Errorf("got %q, want %q", handled, body)
		}
		if err := <-told; !errors.Is(err, rpcerr.ErrPanic) || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("got %v, want ErrPanic that names Goexit", err)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	<-in.Done()
}
