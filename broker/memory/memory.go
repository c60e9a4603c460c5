// SPDX-License-Identifier: Apache-2.0

// Package memory is a broker within the process: messages go directly into the
// queues of the subscribers.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/delivery"
)

// MaxMessage is the largest body that is published, in bytes: 4 MiB, the default of
// the HTTP broker, so that both accept the same messages.
const MaxMessage = 4 << 20

// Broker is a set of topics, independent of other brokers. The zero value is a
// broker without subscribers. It is safe for concurrent use. It holds no resources
// besides its subscriptions, which [Broker.Close] closes.
type Broker struct {
	mu     sync.Mutex
	topics map[string][]*subscriber // in the order in which they subscribed
	turn   map[group]uint64         // which member of each queue is next
	named  uint64                   // the last number given to a subscriber
	closed bool
}

// group identifies the subscribers that share a queue.
type group struct{ topic, queue string }

type subscriber struct {
	sub  *delivery.Inbox
	name string
}

var (
	_ broker.Broker = (*Broker)(nil)
	_ io.Closer     = (*Broker)(nil)
)

// New returns a broker without subscribers.
func New() *Broker { return &Broker{} }

// String returns "memory".
func (*Broker) String() string { return "memory" }

// Publish implements [broker.Broker]. It gives a copy of m to each subscriber
// without a queue, and to one of each queue in turn, passing over those that have
// no room. It does not block. The error matches [broker.ErrNoSubscribers] if there
// is no subscriber, and [broker.ErrFull] if none has room; both also match
// [broker.ErrNotSent]. If only some have room, it is a [*broker.PartialError].
func (b *Broker) Publish(ctx context.Context, topic string, m *broker.Message) error {
	targets, err := b.targets(ctx, topic, m)
	if err != nil {
		return broker.NotSent(fmt.Errorf("memory broker: topic %q: %w", topic, err))
	}
	result := &broker.PartialError{Topic: topic}
	for _, members := range targets {
		offer(members, topic, m, result)
	}
	switch {
	case len(result.Failed) > 0 && len(result.Delivered) > 0:
		return result
	case len(result.Failed) > 0:
		return broker.NotSent(result)
	case len(result.Delivered) == 0: // all of them have closed meanwhile
		return broker.NotSent(fmt.Errorf("memory broker: topic %q: %w", topic, broker.ErrNoSubscribers))
	}
	return nil
}

// offer gives m to the first of members that accepts it.
func offer(members []*subscriber, topic string, m *broker.Message, result *broker.PartialError) {
	var full error
	for _, s := range members {
		e := broker.Event{Topic: topic, Message: broker.Message{Header: maps.Clone(m.Header), Body: bytes.Clone(m.Body)}}
		err := s.sub.Offer(e)
		if err == nil {
			result.Delivered = append(result.Delivered, s.name)
			return
		}
		if errors.Is(err, broker.ErrFull) {
			full = broker.NotSent(err)
		}
	}
	if full != nil {
		result.Failed = append(result.Failed, broker.Failure{Name: members[0].name, Err: full})
	}
}

// targets returns the receivers of m: lists of subscribers, and one of each list
// gets it. A queue begins with the member whose turn it is.
func (b *Broker) targets(ctx context.Context, topic string, m *broker.Message) ([][]*subscriber, error) {
	switch {
	case topic == "":
		return nil, fmt.Errorf("%w: the topic is empty", broker.ErrInvalid)
	case m == nil:
		return nil, fmt.Errorf("%w: the message is nil", broker.ErrInvalid)
	case len(m.Body) > MaxMessage:
		return nil, fmt.Errorf("%w: body of %d bytes, the limit is %d", broker.ErrTooLarge, len(m.Body), MaxMessage)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	all := b.topics[topic]
	if len(all) == 0 {
		return nil, broker.ErrNoSubscribers
	}
	lists := make([][]*subscriber, 0, len(all))
	place := make(map[string]int)
	for _, s := range all {
		queue := s.sub.Queue()
		i, known := place[queue]
		if queue != "" && known {
			lists[i] = append(lists[i], s)
			continue
		}
		place[queue] = len(lists)
		lists = append(lists, []*subscriber{s})
	}
	for queue, i := range place {
		if n := uint64(len(lists[i])); n > 1 {
			key := group{topic, queue}
			first := b.turn[key] % n
			b.turn[key]++
			lists[i] = slices.Concat(lists[i][first:], lists[i][:first])
		}
	}
	return lists, nil
}

// Subscribe implements [broker.Broker].
func (b *Broker) Subscribe(ctx context.Context, topic string, handle broker.Handler, opts ...broker.SubscribeOption) (broker.Subscription, error) {
	s := &subscriber{}
	q, err := delivery.New(topic, handle, func() error { b.forget(s); return nil }, opts...)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("memory broker: subscribe: %w", err)
	}
	s.sub = q
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("memory broker: subscribe: %w", broker.ErrClosed)
	}
	if b.topics == nil {
		b.topics, b.turn = make(map[string][]*subscriber), make(map[group]uint64)
	}
	b.named++
	s.name = fmt.Sprintf("subscriber %d", b.named)
	if q.Queue() != "" {
		s.name += fmt.Sprintf(" (queue %q)", q.Queue())
	}
	b.topics[topic] = append(b.topics[topic], s)
	return q, nil
}

// forget removes a subscriber that is closed.
func (b *Broker) forget(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	topic, queue := s.sub.Topic(), s.sub.Queue()
	left := slices.DeleteFunc(slices.Clone(b.topics[topic]), func(other *subscriber) bool { return other == s })
	b.topics[topic] = left
	if len(left) == 0 {
		delete(b.topics, topic)
	}
	if !slices.ContainsFunc(left, func(other *subscriber) bool { return other.sub.Queue() == queue }) {
		delete(b.turn, group{topic, queue})
	}
}

// Close closes all subscriptions; Publish and Subscribe fail from then on. It does
// not wait for handlers, and may be repeated. It returns nil.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	var all []*subscriber
	for _, list := range b.topics {
		all = append(all, list...)
	}
	b.mu.Unlock()
	for _, s := range all {
		_ = s.sub.Close() // it always returns nil
	}
	return nil
}
