// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"

	"example.com/mailcall/broker"
)

func testUnsubscribe(t *testing.T, p *post) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	s := p.handle(topic, func(ctx context.Context, _ broker.Event) error {
		entered <- struct{}{} // a second call would stay here
		<-ctx.Done()
		ended <- ctx.Err()
		return nil
	})
	witness := p.subscribe(topic)
	p.publish(topic, event("runs"))
	receive(t, "the handler's call", entered)
	p.publish(topic, event("waits"))
	p.next(witness)
	p.next(witness)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := receive(t, "the handler's context to end", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	receive(t, "Done", s.Done())
	p.publish(topic, event("after"))
	if got := p.next(witness); string(got.Message.Body) != "after" {
		t.Errorf("got %q, want after", got.Message.Body)
	}
	select {
	case <-entered:
		t.Error("got a call of the handler after Close, want none")
	default:
	}
}

func testUnsubscribeWithin(t *testing.T, p *post) {
	self := make(chan broker.Subscription, 1)
	over := make(chan error, 1)
	s := p.handle(topic, func(context.Context, broker.Event) error {
		over <- (<-self).Close()
		return nil
	})
	self <- s
	p.publish(topic, event("last"))
	if err := receive(t, "Close to return", over); err != nil {
		t.Error(err)
	}
	receive(t, "Done", s.Done())
}

func testNobodySubscribes(t *testing.T, p *post) {
	err := p.Publisher.Publish(t.Context(), topic, event("x"))
	if err != nil && (!errors.Is(err, broker.ErrNoSubscribers) || !errors.Is(err, broker.ErrNotSent)) {
		t.Errorf("got %v, want nothing, or ErrNoSubscribers that is ErrNotSent", err)
	}
	t.Logf("Publish without subscribers: %v", err)
}

func testBrokerContext(t *testing.T, p *post) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := p.subscribe(topic)
	err := p.Publisher.Publish(ctx, topic, event("never"))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("Publish: got %v, want %v that is ErrNotSent", err, context.Canceled)
	}
	s, err := p.Subscriber.Subscribe(ctx, topic, func(context.Context, broker.Event) error { return nil })
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe: got %v, want %v", err, context.Canceled)
	}
	p.publish(topic, event("now"))
	if got := p.next(in); string(got.Message.Body) != "now" {
		t.Errorf("got %q, want now", got.Message.Body)
	}
}

func testBrokerInvalid(t *testing.T, p *post) {
	in := p.subscribe(topic)
	for what, err := range map[string]error{
		"empty topic": p.Publisher.Publish(t.Context(), "", event("x")),
		"nil message": p.Publisher.Publish(t.Context(), topic, nil),
	} {
		if !errors.Is(err, broker.ErrInvalid) || !errors.Is(err, broker.ErrNotSent) {
			t.Errorf("Publish, %s: got %v, want ErrInvalid that is ErrNotSent", what, err)
		}
	}
	huge := &broker.Message{Body: make([]byte, tooLarge)}
	if err := p.Publisher.Publish(t.Context(), topic, huge); !errors.Is(err, broker.ErrTooLarge) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("Publish of 64 MiB: got %v, want ErrTooLarge that is ErrNotSent", err)
	}
	fine := func(context.Context, broker.Event) error { return nil }
	for what, c := range map[string]struct {
		topic  string
		handle broker.Handler
	}{"empty topic": {"", fine}, "nil handler": {topic, nil}} {
		s, err := p.Subscriber.Subscribe(t.Context(), c.topic, c.handle)
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, broker.ErrInvalid) {
			t.Errorf("Subscribe, %s: got %v, want ErrInvalid", what, err)
		}
	}
	if s, err := p.Subscriber.Subscribe(t.Context(), topic, fine, broker.WithWaiting(0)); err == nil {
		_ = s.Close()
		t.Error("Subscribe with no event waiting: got nil, want an error")
	}
	p.publish(topic, event("fine"))
	if got := p.next(in); string(got.Message.Body) != "fine" {
		t.Errorf("got %q, want fine", got.Message.Body)
	}
}

func testConnect(t *testing.T, p *post) {
	c, ok := p.Publisher.(broker.Connecter)
	if !ok {
		t.Skip("the broker is not broker.Connecter")
	}
	for range 2 {
		if err := c.Connect(t.Context()); err != nil {
			t.Errorf("Connect: %v", err)
		}
	}
}

func testBrokerConcurrency(t *testing.T, p *post) {
	const publishers, each = 8, 25
	in := p.subscribe(topic)
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			for j := range each {
				if err := p.Publisher.Publish(t.Context(), topic, event(strconv.Itoa(i*each+j))); err != nil {
					t.Errorf("Publish: %v", err)
				}
			}
		})
		wg.Go(func() {
			other, err := p.Subscriber.Subscribe(t.Context(), fmt.Sprint(topic, i), func(context.Context, broker.Event) error { return nil })
			if err != nil {
				t.Errorf("Subscribe: %v", err)
				return
			}
			if err := other.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for range publishers * each {
		seen[string(p.next(in).Message.Body)] = true
	}
	if len(seen) != publishers*each {
		t.Errorf("got %d different events, want %d", len(seen), publishers*each)
	}
}

func testBrokerClose(t *testing.T, p *post) {
	in := p.subscribe(topic)
	p.publish(topic, event("x"))
	p.next(in)
	for _, b := range []broker.Broker{p.Subscriber, p.Publisher} {
		for range 2 {
			if err := p.close(b); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	}
	receive(t, "Done", in.Done())
	err := p.Publisher.Publish(t.Context(), topic, event("x"))
	if !errors.Is(err, broker.ErrClosed) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("Publish: got %v, want ErrClosed that is ErrNotSent", err)
	}
	s, err := p.Subscriber.Subscribe(t.Context(), topic, func(context.Context, broker.Event) error { return nil })
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, broker.ErrClosed) {
		t.Errorf("Subscribe: got %v, want ErrClosed", err)
	}
}

func (p *post) close(b broker.Broker) error {
	if p.Close != nil {
		return p.Close(b)
	}
	if c, ok := b.(io.Closer); ok {
		return c.Close()
	}
	p.t.Skip("the broker is not an io.Closer")
	return nil
}
