// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/internal/uuid"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Publish implements [Client].
func (c *Caller) Publish(ctx context.Context, msg Message, opts ...PublishOption) error {
	cfg := c.current.Load()
	if cfg.outer != nil {
		return cfg.outer.Publish(ctx, msg, opts...)
	}
	return cfg.publish(ctx, msg, opts)
}

// Publish implements [Client].
func (c core) Publish(ctx context.Context, msg Message, opts ...PublishOption) error {
	return c.config.publish(ctx, msg, opts)
}

// errNoBroker is the error of Publish if the client has no broker.
var errNoBroker = errors.New("the client has no broker (WithBroker)")

// publish publishes msg by a call whose node is the broker.
func (cfg *config) publish(ctx context.Context, msg Message, opts []PublishOption) error {
	if err := cfg.checkPublish(ctx, msg); err != nil {
		topic := ""
		if !isNil(msg) {
			topic = msg.Topic()
		}
		return &rpcerr.CallError{Service: "broker", Endpoint: topic, Err: err}
	}
	name := cfg.options.Broker.String()
	p := &publication{message: msg, id: randomID()}
	for i, opt := range opts {
		if opt == nil {
			err := fmt.Errorf("%w: publish option %d of %d is nil", rpcerr.ErrInvalidArgument, i+1, len(opts))
			return &rpcerr.CallError{Service: "broker " + name, Endpoint: msg.Topic(), Err: err}
		}
		opt.applyPublish(&p.options)
	}
	o := &cfg.options.CallOptions
	p.form = cfg.eventForm(msg.ContentType())
	return cfg.caller.runtime.Desk.Do(ctx, &caller.Plan{
		Service: "broker " + name, Endpoint: msg.Topic(), Key: messages.Broker + ":" + name,
		Addresses: []string{name}, Transport: messages.Broker,
		Timeout: o.RequestTimeout, AttemptTimeout: o.AttemptTimeout, Attempts: o.Retries + 1,
		Idempotent: p.options.idempotent, BackoffBase: o.BackoffBase, BackoffCap: o.BackoffCap,
	}, p)
}

func (cfg *config) checkPublish(ctx context.Context, msg Message) error {
	switch {
	case ctx == nil:
		return invalid("the context is nil")
	case isNil(msg):
		return invalid("the message is nil; make one with NewMessage")
	case msg.Topic() == "":
		return invalid("the topic is empty")
	case isNil(msg.Payload()):
		return invalid("the message has no payload")
	case cfg.options.Broker == nil:
		return errNoBroker
	}
	return ctxerr.Before(ctx)
}

// eventForm returns the form of payloads, which have no envelope.
func (cfg *config) eventForm(contentType string) form {
	f := form{contentType: contentType}
	f.use(cfg.options.Codecs, contentType)
	return f
}

// publication is one publish. It implements caller.Exchange.
type publication struct {
	message Message
	options publishOptions
	form    form
	body    []byte
	id      string
}

// Encode implements caller.Exchange.
func (p *publication) Encode() (brief bool, err error) {
	p.body, err = p.form.encode(nil, p.message.Payload())
	return false, err
}

// Fill implements caller.Exchange. The header is that of go-micro's events.
func (p *publication) Fill(ctx context.Context, m *transport.Message, _ *messages.Node, _ time.Duration) error {
	fixed := transport.Header{
		{Name: "Content-Type", Value: p.message.ContentType()},
		{Name: "Micro-Topic", Value: p.message.Topic()},
		{Name: "Micro-ID", Value: p.id},
	}
	addMetadata(ctx, m, fixed)
	m.Header = append(m.Header, fixed...)
	m.Header.Add(messages.PublishTo, cmp.Or(p.options.exchange, p.message.Topic()))
	m.Body = p.body
	return nil
}

// ReplyError implements caller.Exchange.
func (*publication) ReplyError(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*publication) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (*publication) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}

// Wrap implements caller.Exchange. A publish has no call wrappers.
func (*publication) Wrap(_ *messages.Node, do func(context.Context) error) error {
	return do(context.Background()) //nolint:forbidigo // never called: the plan is not wrapped
}

// Sent implements caller.Exchange. The bytes are not reused.
func (*publication) Sent(bool) {}

// Keep implements caller.Exchange. The bytes are not reused.
func (*publication) Keep() {}

// randomID returns a random UUID, the id that go-micro gives to each event. No
// decision depends on it, so it need not come from the seed.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return uuid.V4(b)
}

var _ caller.Exchange = (*publication)(nil)
