// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/codec"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// openWrapped opens a stream through the user's stream wrappers.
func openWrapped(ctx context.Context, req Request, open StreamFunc, m *method) (s Stream, err error) {
	defer func() {
		if err != nil && s == nil {
			err = known(req, err)
		}
	}()
	defer guard.Catch("stream wrapper", &err)
	if s, err = open(ctx, req, m.options.clone()); err == nil && isNil(s) {
		return nil, errors.New("a stream wrapper returned neither a stream nor an error")
	}
	return s, err
}

// known returns err as a CallError.
func known(req Request, err error) error {
	if _, is := errors.AsType[*rpcerr.CallError](err); is {
		return err
	}
	return refuse(req, err)
}

// stream opens a stream of the method.
func (m *method) stream(ctx context.Context, req Request) (Stream, error) {
	o := &opening{method: m, request: req, id: strconv.FormatInt(m.config.caller.ids.Add(1)-1, 10)}
	plan := m.streamPlan()
	inner, err := m.config.caller.runtime.Streams.Open(ctx, streamer.Opening{
		Service: plan.Service, Endpoint: plan.Endpoint,
		Timeout: plan.StreamTimeout, HalfCloseWait: m.options.HalfCloseWait,
		Open: func(ctx context.Context) (messages.Opened, error) {
			return m.config.caller.runtime.Desk.Open(ctx, plan, o)
		},
	})
	if err != nil {
		return nil, err
	}
	return &stream{Stream: inner, ctx: ctx, method: m, request: req, id: o.id, form: m.formFor(inner.Node())}, nil
}

// streamPlan returns the plan for opening a stream of the method.
func (m *method) streamPlan() *caller.Plan {
	if p := m.streams.Load(); p != nil {
		return p
	}
	o := &m.options
	p := &caller.Plan{
		Service: m.plan.Service, Endpoint: m.plan.Endpoint, Key: m.plan.Key, Addresses: m.plan.Addresses,
		Timeout: o.RequestTimeout, AttemptTimeout: o.AttemptTimeout, Attempts: o.Retries + 1,
		BackoffBase: o.BackoffBase, BackoffCap: o.BackoffCap,
		Filters: o.Filters, Picker: o.Strategy,
		Stream: true, StreamTimeout: o.StreamTimeout,
	}
	if o.StreamTimeout > 0 && (p.Timeout == 0 || o.StreamTimeout < p.Timeout) {
		p.Timeout = o.StreamTimeout
	}
	m.streams.Store(p)
	return p
}

// opening is what this package knows about the opening of one stream. It
// implements caller.Exchange.
type opening struct {
	method  *method
	request Request
	id      string
}

// Encode implements caller.Exchange: most streams open without a value.
func (*opening) Encode() (brief bool, err error) { return true, nil }

// Fill implements caller.Exchange.
func (o *opening) Fill(ctx context.Context, m *transport.Message, node *messages.Node, _ time.Duration) (err error) {
	f := o.method.formFor(node)
	if f.missing != nil {
		return f.missing
	}
	addMetadata(ctx, m, f.header)
	m.Header = append(m.Header, f.header...)
	m.Header = append(m.Header, o.method.options.Header...)
	if bound := o.method.options.StreamTimeout; bound > 0 {
		m.Header.Add("Timeout", strconv.FormatInt(int64(bound), 10))
	}
	if f.native {
		return nil // gRPC opens a stream without a message
	}
	m.Header.Add("Micro-ID", o.id)
	m.Header.Add("Micro-Stream", o.id)
	value := o.request.Body()
	switch {
	case !isNil(value):
	case f.enveloper != nil:
		value = &emptypb.Empty{} // a server cannot read the opening without its envelope
	default:
		return nil
	}
	m.Body, err = encodeMessage(f, nil, o.id, o.request.Endpoint(), value)
	return err
}

func encodeMessage(f *form, buf []byte, id, endpoint string, v any) ([]byte, error) {
	if f.enveloper != nil {
		return f.envelop(codec.Envelope{ID: id, Method: endpoint}, v)
	}
	return f.encode(buf, v)
}

// ReplyError implements caller.Exchange: an opening has no reply.
func (*opening) ReplyError(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*opening) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (o *opening) Retry(n int, failure error) (messages.Wish, time.Duration, error) {
	x := exchange{method: o.method, ctx: context.Background(), request: o.request} //nolint:forbidigo // nothing here waits
	wish, wait, err := x.Retry(n, failure)
	if wish == messages.WantRetry {
		wish = messages.NoWish // an opening is retried only if nothing was sent
	}
	return wish, wait, err
}

// Wrap implements caller.Exchange. Streams have wrappers of their own.
func (*opening) Wrap(*messages.Node, func(context.Context) error) error {
	return fmt.Errorf("%w: a stream has no call wrappers", rpcerr.ErrNotImplemented)
}

// Sent implements caller.Exchange. The bytes are not reused.
func (*opening) Sent(bool) {}

// Keep implements caller.Exchange.
func (*opening) Keep() {}
