// SPDX-License-Identifier: Apache-2.0

// Package memory is the broker inside the process: what is published is put
// into the queues of the subscribers, and nothing else ever sees it.
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

// MaxMessage is the largest body that is published, in bytes: 4 MiB, the
// default of the HTTP broker, so that what passes here passes there.
const MaxMessage = 4 << 20

// Broker is a set of topics. Brokers do not see each other. It is used by many
// goroutines at once; its zero value is a broker without subscribers. It needs
// no closing for its own sake: [Broker.Close] closes the subscriptions.
type Broker struct {
	mu     sync.Mutex
	topics map[string][]*subscriber // in the order in which they came
	turn   map[group]uint64         // whose turn it is in each queue
	named  uint64                   // subscribers that got a number
	closed bool
}

// group is the subscribers that share a queue.
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

// Publish implements [broker.Broker]. It puts a copy of m into the queue of
// each subscriber and of one of each shared queue, in turn, passing over those
// without room. It does not block. With nobody to publish to the error matches
// [broker.ErrNoSubscribers]; when nobody had room it matches [broker.ErrFull];
// both are [broker.ErrNotSent]. When only some had room it is a
// [*broker.PartialError].
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
	case len(result.Delivered) == 0: // all of them closed in this moment
		return broker.NotSent(fmt.Errorf("memory broker: topic %q: %w", topic, broker.ErrNoSubscribers))
	}
	return nil
}

// offer gives m to the first of members that takes it.
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

// targets returns those who get m: lists of which each gets it once. A queue
// begins with the member whose turn it is.
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

// forget takes a subscriber out that is closed.
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

// Close closes all subscriptions; Publish and Subscribe fail from then on. It
// does not wait for handlers, and may be repeated. The error is nil.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	var all []*subscriber
	for _, list := range b.topics {
		all = append(all, list...)
	}
	b.mu.Unlock()
	for _, s := range all {
		_ = s.sub.Close() // forget knows no error
	}
	return nil
}
