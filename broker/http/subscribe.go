// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/delivery"
	"example.com/mailcall/internal/clock"
)

// withdrawTime bounds the withdrawal from discovery; go-micro's dial timeout.
const withdrawTime = 5 * time.Second

// subscription is a queue that is announced while it is open.
type subscription struct {
	*delivery.Inbox
	server    *server
	announcer Announcer
	node      Node
	timer     clock.Timer
	ctx       context.Context //nolint:containedctx // cancelling it ends a running refresh
	cancel    context.CancelFunc

	mu   sync.Mutex // held while discovery is called
	over bool       // guarded by mu
}

// Subscribe implements [broker.Broker]. The first subscription begins to listen. A
// subscription is announced as node "<topic>-<uuid>" of [Service], with its queue
// or [Broadcast] as the version, and the announcement is repeated every [Refresh].
// The queue must not be named [Broadcast]. Closing the subscription withdraws the
// node, which may take some seconds if discovery does not answer.
func (b *Broker) Subscribe(ctx context.Context, topic string, handle broker.Handler, opts ...broker.SubscribeOption) (broker.Subscription, error) {
	s, err := b.subscribe(ctx, topic, handle, opts)
	if err != nil {
		return nil, fmt.Errorf("http broker: subscribe to %q: %w", topic, err)
	}
	return s, nil
}

func (b *Broker) subscribe(ctx context.Context, topic string, handle broker.Handler, opts []broker.SubscribeOption) (*subscription, error) {
	announcer, ok := b.discovery.(Announcer)
	if !ok {
		return nil, fmt.Errorf("%T takes no announcements, and publishers find subscribers by nothing else", b.discovery)
	}
	s := &subscription{announcer: announcer}
	q, err := delivery.New(topic, handle, s.withdraw, opts...)
	if err != nil {
		return nil, err
	}
	if q.Queue() == Broadcast {
		return nil, fmt.Errorf("%w: a queue cannot be named %s, which stands for none", broker.ErrInvalid, Broadcast)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.server, err = b.listening(); err != nil {
		return nil, err
	}
	s.Inbox = q
	//nolint:forbidigo // refreshing outlives the call that subscribed; Close ends it
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.node = s.server.node(topic, q.Queue())
	s.timer = b.clock.Timer(s.refresh)
	if err := s.begin(ctx); err != nil {
		_ = q.Close() // withdraws the announcement, which may have been accepted
		return nil, err
	}
	return s, nil
}

// node returns the node of a new subscription.
func (s *server) node(topic, queue string) Node {
	n := Node{
		ID: topic + "-" + s.b.randomID(), Address: s.address, Version: queue,
		Metadata: map[string]string{keyBroker: "http", keyTopic: topic, keySecure: strconv.FormatBool(s.secure)},
	}
	if queue == "" {
		n.Version = Broadcast
	}
	return n
}

// begin accepts messages and then announces the subscription.
func (s *subscription) begin(ctx context.Context) error {
	s.server.mu.Lock()
	closed := s.server.closed
	if !closed {
		s.server.subs[s.node.ID] = s
	}
	s.server.mu.Unlock()
	if closed {
		return broker.ErrClosed
	}
	return s.announce(ctx)
}

func (s *subscription) announce(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return broker.ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() //nolint:contextcheck // Close does not wait for a slow discovery
	err := s.announcer.Announce(ctx, Service, s.node, Lease)
	c := s.server.b.clock
	s.timer.Reset(c.Now().Add(Refresh))
	if err != nil {
		return fmt.Errorf("announce node %s: %w", s.node.ID, err)
	}
	return nil
}

// refresh runs when the timer fires: it repeats the announcement.
func (s *subscription) refresh() {
	ctx, cancel := context.WithTimeout(s.ctx, Refresh)
	defer cancel()
	err := s.announce(ctx)
	if f := s.server.b.onRefresh; err != nil && f != nil && s.ctx.Err() == nil {
		f(s.Topic(), err)
	}
}

// withdraw runs when the inbox is closed: it withdraws the announcement.
func (s *subscription) withdraw() error {
	s.cancel() // ends a running announcement, which holds mu
	s.timer.Stop()
	s.server.mu.Lock()
	delete(s.server.subs, s.node.ID)
	s.server.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), withdrawTime)
	defer cancel()
	if err := s.announcer.Withdraw(ctx, Service, s.node); err != nil {
		return fmt.Errorf("http broker: withdraw node %s: %w", s.node.ID, err)
	}
	return nil
}
