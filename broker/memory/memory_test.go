// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"testing"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/memory"
)

// stuck subscribes a handler that waits for its end, and fills it.
func stuck(t *testing.T, b *memory.Broker, opts ...broker.SubscribeOption) broker.Subscription {
	t.Helper()
	entered := make(chan struct{}, 1)
	s, err := b.Subscribe(t.Context(), "a", func(ctx context.Context, _ broker.Event) error {
		entered <- struct{}{}
		<-ctx.Done()
		return nil
	}, append(opts, broker.WithWaiting(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-s.Done()
	})
	for i := range 2 {
		if err := b.Publish(t.Context(), "a", &broker.Message{}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-entered
		}
	}
	return s
}

func TestPublishWhenAllSubscribersAreFull(t *testing.T) {
	b := memory.New()
	s := stuck(t, b)
	err := b.Publish(t.Context(), "a", &broker.Message{})
	if !errors.Is(err, broker.ErrFull) || !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want ErrFull that is ErrNotSent", err)
	}
	if n := s.Dropped(); n != 1 {
		t.Errorf("got %d dropped, want 1", n)
	}
}

func TestPublishWhenSomeSubscribersAreFull(t *testing.T) {
	b := memory.New()
	stuck(t, b)
	got := make(chan broker.Event, 1)
	s, err := b.Subscribe(t.Context(), "a", func(_ context.Context, e broker.Event) error { got <- e; return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = b.Publish(t.Context(), "a", &broker.Message{})
	partial, ok := errors.AsType[*broker.PartialError](err)
	if !ok || len(partial.Delivered) != 1 || partial.Delivered[0] != "subscriber 2" || len(partial.Failed) != 1 ||
		partial.Failed[0].Name != "subscriber 1" || errors.Is(err, broker.ErrNotSent) {
		t.Errorf("got %v, want subscriber 2 to have it and 1 not", err)
	}
	<-got
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.Done()
}

// A member of a queue that has no room is passed over.
func TestQueuePassesOverFullSubscribers(t *testing.T) {
	b := memory.New()
	stuck(t, b, broker.WithQueue("q"))
	got := make(chan broker.Event, 8)
	s, err := b.Subscribe(t.Context(), "a", func(_ context.Context, e broker.Event) error { got <- e; return nil }, broker.WithQueue("q"))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := b.Publish(t.Context(), "a", &broker.Message{}); err != nil {
			t.Error(err)
		}
		<-got
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.Done()
}
