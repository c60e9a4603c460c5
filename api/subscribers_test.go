// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/broker/http"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/rpcerr"
)

// distant is a registry that counts how often it is asked, and that others
// register with as well.
type distant struct {
	*memory.Registry
	asked *atomic.Int64
	mute  bool // its watch says nothing
}

func (d distant) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	d.asked.Add(1)
	return d.Registry.Lookup(ctx, service)
}

func (d distant) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	if d.mute {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.Registry.Watch(ctx, service, changed)
}

// listening makes a broker with a subscriber, as another process would.
func listening(t *testing.T, r registry.Registry, topic string) (b *http.Broker, count *atomic.Int64) {
	t.Helper()
	b, err := api.NewHTTPBroker(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	events := subscribe(t, b, topic)
	count = new(atomic.Int64)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-events:
				count.Add(1)
			case <-done:
				return
			}
		}
	}()
	return b, count
}

// The registry is not asked for each publish, yet new and removed subscribers are
// noticed.
func TestPublishCachesSubscribers(t *testing.T) {
	d := distant{Registry: memory.New(), asked: new(atomic.Int64)}
	_, first := listening(t, d, "greetings")
	c := start(t, api.WithRegistry(d))
	publish := func() error { return c.Publish(within(t), c.NewMessage("greetings", &greet.HelloRequest{})) }
	const times = 50
	for range times {
		if err := publish(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all events", func() bool { return first.Load() == times })
	if got := d.asked.Load(); got > 3 {
		t.Errorf("got %d questions for %d messages, want a few at most", got, times)
	}
	other, second := listening(t, d, "greetings")
	until(t, "the new subscriber to get an event", func() bool { return publish() == nil && second.Load() > 0 })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "a message that reaches all", func() bool { return publish() == nil })
}

// Where the registry does not tell, an unknown topic and a subscriber that is
// gone are reasons to ask.
func TestPublishAsksTheRegistryWhenItsCacheIsOutOfDate(t *testing.T) {
	d := distant{Registry: memory.New(), asked: new(atomic.Int64), mute: true}
	gone, _ := listening(t, d, "greetings")
	c := start(t, api.WithRegistry(d))
	publish := func(topic string) error { return c.Publish(within(t), c.NewMessage(topic, &greet.HelloRequest{})) }
	if err := publish("greetings"); err != nil {
		t.Fatal(err)
	}
	_, farewells := listening(t, d, "farewells")
	until(t, "the new topic", func() bool { return publish("farewells") == nil })
	until(t, "its event", func() bool { return farewells.Load() > 0 })
	_, count := listening(t, d, "greetings")
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the new subscriber", func() bool { return publish("greetings") == nil && count.Load() > 0 })
}

// A subscriber that hangs costs the publishing its time, and the error still says
// who got the message and who did not, whichever bound ended it.
func TestHangingSubscriber(t *testing.T) {
	r := memory.New()
	listening(t, r, "greetings")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := r.Add(&registry.Service{Name: http.Service, Version: http.Broadcast, Nodes: []*registry.Node{{
		ID: "hanging", Address: silent.Addr().String(), Metadata: map[string]string{"broker": "http", "topic": "greetings"},
	}}}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		opt  api.Option
		own  bool // the caller's context has a bound
		want error
	}{
		{"attempt", api.WithAttemptTimeout(shortly), false, rpcerr.ErrAttemptTimeout},
		{"request", api.WithRequestTimeout(shortly), false, context.DeadlineExceeded},
		{"context", api.WithRetries(0), true, context.DeadlineExceeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, api.WithRegistry(r), tc.opt)
			ctx := t.Context()
			if tc.own {
				bounded, cancel := context.WithTimeout(ctx, shortly)
				defer cancel()
				ctx = bounded
			}
			err := c.Publish(ctx, c.NewMessage("greetings", &greet.HelloRequest{}))
			partial, is := errors.AsType[*broker.PartialError](err)
			if !is || !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v with what was delivered", err, tc.want)
			}
			for _, other := range []error{context.Canceled, context.DeadlineExceeded, rpcerr.ErrAttemptTimeout} {
				if other != tc.want && errors.Is(err, other) {
					t.Errorf("got %v, which matches %v, want only %v", err, other, tc.want)
				}
			}
			if strings.Contains(err.Error(), context.Canceled.Error()) {
				t.Errorf("got %v, want nothing of a cancellation", err)
			}
			if len(partial.Delivered) != 1 || len(partial.Failed) != 1 || partial.Failed[0].Name != "hanging" {
				t.Errorf("got %v, want one delivered and the hanging one not", partial)
			}
		})
	}
}
