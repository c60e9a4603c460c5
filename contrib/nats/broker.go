// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/delivery"
	"example.com/mailcall/broker/envelope"
)

// Broker publishes and subscribes as go-micro's NATS broker does: the topic is the
// subject, the payload is an [envelope], a queue is a NATS queue group. It is safe for
// concurrent use; make it with [NewBroker] and release it with Close.
//
// NATS does not report whether there are subscribers, so Publish succeeds without any.
// A subscription may have wildcards; its events have the topic to which they were
// published. What is published while the subscriber's connection is lost never reaches
// it; once the connection is restored, the subscription continues.
type Broker struct {
	link *link

	mu     sync.Mutex
	subs   map[*delivery.Inbox]struct{}
	closed bool
}

var (
	_ broker.Broker    = (*Broker)(nil)
	_ broker.Connecter = (*Broker)(nil)
	_ io.Closer        = (*Broker)(nil)
)

// NewBroker returns a broker that is not connected yet. The error joins those of all
// options that are out of range.
func NewBroker(opts ...Option) (*Broker, error) {
	l, err := newLink(opts)
	if err != nil {
		return nil, err
	}
	return &Broker{link: l, subs: make(map[*delivery.Inbox]struct{})}, nil
}

// String returns "nats".
func (*Broker) String() string { return "nats" }

// Connect implements [broker.Connecter].
func (b *Broker) Connect(ctx context.Context) error {
	if _, err := b.link.get(ctx); err != nil {
		return fmt.Errorf("nats broker: connect: %w", known(err))
	}
	return nil
}

// known maps errors of a link to those of the broker's contract.
func known(err error) error {
	switch {
	case errors.Is(err, ErrClosed):
		return fmt.Errorf("%w (%w)", broker.ErrClosed, err)
	case errors.Is(err, natsio.ErrMaxPayload):
		return fmt.Errorf("%w: %w", broker.ErrTooLarge, err)
	case errors.Is(err, natsio.ErrBadSubject):
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return err
}

// Publish implements [broker.Broker]. It returns when the server has confirmed the
// receipt of the message, unless [WithoutConfirmation] is set; if this user may not
// publish to the subject, the error matches [natsio.ErrPermissionViolation]. The
// envelope may be as long as the server's max_payload, 1 MiB by default, which leaves
// about 768 KiB for the body; a larger one is [broker.ErrTooLarge].
func (b *Broker) Publish(ctx context.Context, topic string, m *broker.Message) error {
	nc, payload, err := b.prepare(ctx, topic, m)
	if err != nil {
		return broker.NotSent(fmt.Errorf("nats broker: topic %q: %w", topic, known(err)))
	}
	before := nc.Stats().Reconnects
	confirm := b.link.asking(nc, topic)
	if err := publish(nc, topic, "", payload); err != nil {
		if errors.Is(err, errBuffered) {
			return fmt.Errorf("nats broker: topic %q: %w", topic, err)
		}
		return broker.NotSent(fmt.Errorf("nats broker: topic %q: %w", topic, known(err)))
	}
	if b.link.unconfirmed {
		return nil
	}
	err = confirm(ctx)
	if errors.Is(err, natsio.ErrPermissionViolation) {
		return broker.NotSent(fmt.Errorf("nats broker: topic %q: %w", topic, err))
	}
	if err == nil && nc.Stats().Reconnects != before {
		err = disconnected(nil) // a confirmation by a new connection says nothing about this message
	}
	if err != nil {
		return fmt.Errorf("nats broker: topic %q: the message may be lost, the server did not confirm it: %w", topic, err)
	}
	return nil
}

func (b *Broker) prepare(ctx context.Context, topic string, m *broker.Message) (*natsio.Conn, []byte, error) {
	if err := checkSubject(topic, false); err != nil {
		return nil, nil, err
	}
	if m == nil {
		return nil, nil, fmt.Errorf("%w: the message is nil", broker.ErrInvalid)
	}
	nc, err := b.link.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	payload, err := seal(nc.MaxPayload(), m)
	return nc, payload, err
}

// seal returns the encoded envelope of m, or an error if it exceeds the server's limit.
func seal(limit int64, m *broker.Message) ([]byte, error) {
	if int64(len(m.Body)) > limit {
		return nil, fmt.Errorf("%w: body of %d bytes, the limit of the server is %d", broker.ErrTooLarge, len(m.Body), limit)
	}
	payload, err := envelope.Encode(m)
	if err == nil && int64(len(payload)) > limit {
		err = fmt.Errorf("%w: %d bytes as JSON, the limit of the server is %d", broker.ErrTooLarge, len(payload), limit)
	}
	return payload, err
}

// errBuffered is matched when part of the message may have been written.
var errBuffered = errors.New("writing to the server failed")

// publish writes one message. Unless the error is [errBuffered], nothing was written.
func publish(nc *natsio.Conn, subject, reply string, payload []byte) error {
	var err error
	if reply == "" {
		err = nc.Publish(subject, payload)
	} else {
		err = nc.PublishRequest(subject, reply, payload)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, natsio.ErrReconnectBufExceeded), errors.Is(err, natsio.ErrConnectionClosed),
		errors.Is(err, natsio.ErrConnectionDraining):
		return disconnected(err)
	case errors.Is(err, natsio.ErrMaxPayload), errors.Is(err, natsio.ErrBadSubject):
		return err
	}
	return fmt.Errorf("%w: %w", errBuffered, err)
}

// Subscribe implements [broker.Broker]. It returns when the server has confirmed the
// subscription. A payload that is not an envelope makes an event whose Err matches
// [broker.ErrMalformed] and whose body is the payload.
func (b *Broker) Subscribe(ctx context.Context, topic string, handle broker.Handler, opts ...broker.SubscribeOption) (broker.Subscription, error) {
	s, err := b.subscribe(ctx, topic, handle, opts)
	if err != nil {
		return nil, fmt.Errorf("nats broker: subscribe to %q: %w", topic, known(err))
	}
	return s, nil
}

func (b *Broker) subscribe(ctx context.Context, topic string, handle broker.Handler, opts []broker.SubscribeOption) (*delivery.Inbox, error) {
	if err := checkSubject(topic, true); err != nil {
		return nil, err
	}
	var (
		in  *delivery.Inbox
		sub *natsio.Subscription
	)
	in, err := delivery.New(topic, handle, func() error {
		b.forget(in)
		return unsubscribe(sub)
	}, opts...)
	if err != nil {
		return nil, err
	}
	nc, err := b.link.get(ctx)
	if err != nil {
		return nil, err
	}
	confirm := b.link.asking(nc, topic)
	sub, err = nc.QueueSubscribe(topic, in.Queue(), func(m *natsio.Msg) {
		_ = in.Offer(open(m)) // the inbox reports lost events
	})
	if err == nil {
		err = b.remember(in)
	}
	if err == nil {
		err = confirm(ctx)
	}
	if err != nil {
		_ = in.Close() // the subscription failed
		return nil, err
	}
	return in, nil
}

// unsubscribe ends a subscription. It succeeds if the connection is closed, which has
// ended it already.
func unsubscribe(sub *natsio.Subscription) error {
	if sub == nil {
		return nil
	}
	err := sub.Unsubscribe()
	if errors.Is(err, natsio.ErrConnectionClosed) || errors.Is(err, natsio.ErrBadSubscription) {
		return nil
	}
	return err
}

// open converts a payload to an event.
func open(m *natsio.Msg) broker.Event {
	message, err := envelope.Decode(m.Data)
	if err != nil {
		message = broker.Message{Body: m.Data}
	}
	return broker.Event{Topic: m.Subject, Message: message, Err: err}
}

func (b *Broker) remember(in *delivery.Inbox) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.subs[in] = struct{}{}
	return nil
}

func (b *Broker) forget(in *delivery.Inbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, in)
}

// Close closes all subscriptions, and the connection unless it was passed with
// [WithConn]; Publish and Subscribe fail from then on. It does not wait for handlers,
// and may be called more than once.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	subs := make([]*delivery.Inbox, 0, len(b.subs))
	for in := range b.subs {
		subs = append(subs, in)
	}
	b.mu.Unlock()
	errs := make([]error, 0, len(subs))
	for _, in := range subs {
		errs = append(errs, in.Close())
	}
	b.link.close()
	return errors.Join(errs...)
}
