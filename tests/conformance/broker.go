// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/metadata"
)

// BrokerRig is a broker under test, as seen by a publisher and by a subscriber.
type BrokerRig struct {
	// Publisher and Subscriber may be the same broker.
	Publisher, Subscriber broker.Broker
	// Close closes one of the two. Nil if they implement io.Closer.
	Close func(broker.Broker) error
}

// BrokerFactory makes a rig for one test. It must close what it opens when the test
// ends.
type BrokerFactory func(t *testing.T) BrokerRig

// Broker tests each clause of the contract of package broker. Brokers may add fields
// to the header of a message, as the HTTP one does, but must not change or lose any.
func Broker(t *testing.T, factory BrokerFactory) {
	t.Helper()
	for _, clause := range []struct {
		name string
		test func(*testing.T, *post)
	}{
		{"has a name", testBrokerName},
		{"each subscriber gets each event", testFanOut},
		{"topics do not mix", testTopicsApart},
		{"an event goes to one of a queue", testQueueShares},
		{"bodies of all sizes arrive", testEventBodies},
		{"headers arrive", testEventHeaders},
		{"publish keeps no reference", testPublishKeepsNothing},
		{"events belong to their handler", testEventsApart},
		{"one call at a time, in order", testOrder},
		{"errors and panics of handlers are told", testHandlerFails},
		{"a slow subscriber is bounded and alone", testSlowSubscriber},
		{"close of a subscription", testUnsubscribe},
		{"a handler may close its subscription", testUnsubscribeWithin},
		{"nobody subscribes", testNobodySubscribes},
		{"Publish and Subscribe end with their context", testBrokerContext},
		{"what cannot be is refused", testBrokerInvalid},
		{"Connect may be repeated", testConnect},
		{"used by many goroutines", testBrokerConcurrency},
		{"close of the broker", testBrokerClose},
	} {
		t.Run(clause.name, func(t *testing.T) {
			r := factory(t)
			if c, ok := r.Publisher.(broker.Connecter); ok {
				if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			clause.test(t, &post{BrokerRig: r, t: t})
		})
	}
}

// post is a rig in use by a test.
type post struct {
	BrokerRig

	t *testing.T
}

const topic = "conformance.topic"

// tooLarge is the length in bytes of a body that no broker takes.
const tooLarge = 64 << 20

// inbox is a subscription whose events go to a channel.
type inbox struct {
	broker.Subscription

	events chan broker.Event
	errors chan error
}

// subscribe returns an inbox for the events of a topic.
func (p *post) subscribe(topic string, opts ...broker.SubscribeOption) *inbox {
	p.t.Helper()
	in := &inbox{events: make(chan broker.Event, 4096), errors: make(chan error, 4096)}
	in.Subscription = p.handle(topic, func(_ context.Context, e broker.Event) error {
		in.events <- e
		return nil
	}, append(opts, broker.WithErrorFunc(func(_ broker.Event, err error) { in.errors <- err }))...)
	return in
}

// handle subscribes for the time of the test, and waits for the handler at its
// end.
func (p *post) handle(topic string, h broker.Handler, opts ...broker.SubscribeOption) broker.Subscription {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	s, err := p.Subscriber.Subscribe(ctx, topic, h, opts...)
	if err != nil {
		p.t.Fatalf("Subscribe: %v", err)
	}
	p.t.Cleanup(func() {
		_ = s.Close() // a test may have been first, or have closed the broker
		receive(p.t, "the end of the subscription", s.Done())
	})
	return s
}

func (p *post) publish(topic string, m *broker.Message) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.Publisher.Publish(ctx, topic, m); err != nil {
		p.t.Fatalf("Publish: %v", err)
	}
}

// next waits for the next event of an inbox and returns it.
func (p *post) next(in *inbox) broker.Event {
	p.t.Helper()
	e := receive(p.t, "an event", in.events)
	if e.Err != nil || e.Topic != in.Topic() {
		p.t.Errorf("got an event of topic %q with error %v, want topic %q and none", e.Topic, e.Err, in.Topic())
	}
	return e
}

// receive waits for something.
func receive[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("got nothing in %s, want %s", patience, what)
	}
	return v
}

func event(body string) *broker.Message {
	return &broker.Message{
		Header: metadata.Metadata{"Content-Type": "text/plain", "Micro-ID": "1"},
		Body:   []byte(body),
	}
}

// testSlowSubscriber blocks a handler: no more events than allowed wait for it, the
// rest are counted and reported, and another subscriber misses none.
func testSlowSubscriber(t *testing.T, p *post) {
	const waiting, published = 4, 64
	var (
		held = make(chan struct{})
		lost = make(chan error, published)
		got  atomic.Int64
	)
	slow := p.handle(topic, func(ctx context.Context, _ broker.Event) error {
		got.Add(1)
		select {
		case <-held:
		case <-ctx.Done():
		}
		return nil
	}, broker.WithWaiting(waiting), broker.WithErrorFunc(func(_ broker.Event, err error) { lost <- err }))
	quick := p.subscribe(topic)
	for i := range published {
		err := p.Publisher.Publish(t.Context(), topic, event(strconv.Itoa(i)))
		var partial *broker.PartialError
		if err != nil && (!errors.As(err, &partial) || errors.Is(err, broker.ErrNotSent)) {
			t.Fatalf("got %v, want nothing or a PartialError that does not say NotSent", err)
		}
	}
	for i := range published {
		if e := p.next(quick); string(e.Message.Body) != strconv.Itoa(i) {
			t.Fatalf("the quick one got %q, want %d", e.Message.Body, i)
		}
	}
	kept := published // at least one is with the handler or waits for it
	for kept > waiting+1 {
		err := receive(t, "word of a lost event", lost)
		if !errors.Is(err, broker.ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
		kept--
	}
	close(held)
	if slow.Dropped() < published-waiting-1 || quick.Dropped() != 0 {
		t.Errorf("got %d and %d dropped, want at least %d of the slow and none of the quick", slow.Dropped(), quick.Dropped(), published-waiting-1)
	}
	if n := got.Load(); n > waiting+1 {
		t.Errorf("the slow one got %d, want at most %d", n, waiting+1)
	}
}
