// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/codec"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// StreamFunc opens a stream.
type StreamFunc func(ctx context.Context, req Request, opts CallOptions) (Stream, error)

// StreamWrapper wraps the opening of each stream, and by what it returns all
// that happens on it. Of several the first one given is outermost, those of the
// client before those of the call. Other options than those it was given have
// no effect when it hands them on.
type StreamWrapper func(StreamFunc) StreamFunc

// Stream implements [Client].
func (c *Caller) Stream(ctx context.Context, req Request, opts ...CallOption) (Stream, error) {
	cfg := c.current.Load()
	if cfg.outer != nil {
		return cfg.outer.Stream(ctx, req, opts...)
	}
	return cfg.stream(ctx, req, opts)
}

// Stream implements [Client].
func (c core) Stream(ctx context.Context, req Request, opts ...CallOption) (Stream, error) {
	return c.config.stream(ctx, req, opts)
}

func (cfg *config) stream(ctx context.Context, req Request, opts []CallOption) (Stream, error) {
	if err := checkStream(ctx, req); err != nil {
		return nil, refuse(req, err)
	}
	m, err := cfg.method(req, opts)
	if err != nil {
		return nil, refuse(req, err)
	}
	open := func(ctx context.Context, req Request, _ CallOptions) (Stream, error) { return m.stream(ctx, req) }
	for _, wrap := range slices.Backward(m.options.StreamWrappers) {
		open = wrap(open)
	}
	return openWrapped(ctx, req, open, m)
}

// openWrapped runs the user's wrappers.
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

// known is err as a CallError.
func known(req Request, err error) error {
	if _, is := errors.AsType[*rpcerr.CallError](err); is {
		return err
	}
	return refuse(req, err)
}

// checkStream refuses what cannot be meant. A stream may be opened without a
// value.
func checkStream(ctx context.Context, req Request) error {
	switch {
	case ctx == nil:
		return invalid("the context is nil")
	case isNil(req):
		return invalid("the request is nil; make one with NewRequest")
	case req.Service() == "":
		return invalid("the service is empty")
	case req.Endpoint() == "":
		return invalid("the endpoint is empty; it is \"Handler.Method\"")
	}
	return ctx.Err()
}

// stream opens a stream of the method.
func (m *method) stream(ctx context.Context, req Request) (Stream, error) {
	o := &opening{method: m, request: req, id: strconv.FormatInt(m.config.caller.ids.Add(1)-1, 10)}
	plan := m.streamPlan()
	inner, err := m.config.caller.runtime.Streams.Open(ctx, streamer.Opening{
		Service: plan.Service, Endpoint: plan.Endpoint,
		Timeout: plan.StreamTimeout, Quiet: m.options.HalfCloseWait,
		Open: func(ctx context.Context) (messages.Opened, error) {
			return m.config.caller.runtime.Desk.Open(ctx, plan, o)
		},
	})
	if err != nil {
		return nil, err
	}
	return &stream{Stream: inner, ctx: ctx, method: m, request: req, id: o.id, form: m.formFor(inner.Node())}, nil
}

// streamPlan is the plan of the method for streams.
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

// opening is what the face knows about the opening of one stream. It implements
// caller.Exchange.
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
	if isNil(o.request.Body()) {
		return nil
	}
	m.Body, err = encodeMessage(f, nil, o.id, o.request.Endpoint(), o.request.Body())
	return err
}

func encodeMessage(f *form, buf []byte, id, endpoint string, v any) ([]byte, error) {
	if f.enveloper != nil {
		return f.envelop(codec.Envelope{ID: id, Method: endpoint}, v)
	}
	return f.encode(buf, v)
}

// Judge implements caller.Exchange: an opening has no reply.
func (*opening) Judge(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*opening) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (o *opening) Retry(n int, failure error) (messages.Wish, time.Duration, error) {
	x := exchange{method: o.method, ctx: context.Background(), request: o.request} //nolint:forbidigo // what is asked here waits for nothing
	wish, wait, err := x.Retry(n, failure)
	if wish == messages.WantRetry {
		wish = messages.NoWish // only what was never sent is opened again
	}
	return wish, wait, err
}

// Wrap implements caller.Exchange. Streams have wrappers of their own.
func (*opening) Wrap(*messages.Node, func(context.Context) error) error {
	return fmt.Errorf("%w: a stream has no call wrappers", rpcerr.ErrNotImplemented)
}

// Sent implements caller.Exchange. The bytes are not used again.
func (*opening) Sent(bool) {}

// Keep implements caller.Exchange.
func (*opening) Keep() {}

// stream implements [Stream].
type stream struct {
	*streamer.Stream
	ctx     context.Context //nolint:containedctx // Context returns it
	method  *method
	request Request
	id      string
	form    *form
	shown   atomic.Bool // the header was given to who asked for it

	out   transport.Message // of the goroutine that sends
	in    transport.Message // of the one that receives
	heard bool              // it has received one already
}

// Context implements [Stream].
func (s *stream) Context() context.Context { return s.ctx }

// Request implements [Stream].
func (s *stream) Request() Request { return s.request }

// Error implements [Stream].
func (s *stream) Error() error {
	err := s.Err()
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return known(s.request, err)
}

// Send implements [Stream].
func (s *stream) Send(v any) error {
	if isNil(v) {
		return refuse(s.request, invalid("there is nothing to send: the message is nil"))
	}
	if err := s.encode(v); err != nil {
		return refuse(s.request, err)
	}
	return s.Stream.Send(&s.out)
}

func (s *stream) encode(v any) (err error) {
	defer guard.Catch("codec", &err)
	body, err := encodeMessage(s.form, s.out.Body[:0], s.id, s.request.Endpoint(), v)
	if err == nil {
		s.out.Body = body
	}
	if cap(s.out.Body) > maxKept {
		s.out.Body = slices.Clip(s.out.Body)
	}
	return err
}

// Recv implements [Stream].
func (s *stream) Recv(v any) error {
	if isNil(v) {
		return refuse(s.request, invalid("there is nothing to decode the message into: it is nil"))
	}
	if err := s.Stream.Recv(&s.in); err != nil {
		s.show(true)
		return err
	}
	s.show(false)
	payload, told, err := s.open(v)
	switch {
	case told:
		return s.Answered(err)
	case err != nil:
		return s.Unfit(err)
	}
	if err := s.decode(payload, v); err != nil {
		return s.Unfit(err)
	}
	return nil
}

// open takes the value out of its envelope. told says that the error is what
// the service says: then the stream is over.
func (s *stream) open(v any) (payload []byte, told bool, err error) {
	defer guard.Catch("codec", &err)
	payload, _, err = s.form.open(&s.in, s.Node().Address, v, s.heard)
	s.heard = true
	if err != nil {
		_, told = errors.AsType[*rpcerr.Error](err)
	}
	return payload, told, err
}

func (s *stream) decode(payload []byte, v any) (err error) {
	defer guard.Catch("codec", &err)
	return s.form.decode(payload, v, &s.in)
}

// show gives the caller the header, once it is there, and at the end the
// trailer.
func (s *stream) show(end bool) {
	o := &s.method.options
	if o.ReplyHeader != nil && !s.shown.Swap(true) {
		if h, err := s.Header(); err == nil {
			*o.ReplyHeader = h.Clone()
		}
	}
	if o.ReplyTrailer != nil && end {
		*o.ReplyTrailer = s.Trailer().Clone()
	}
}

var (
	_ Stream          = (*stream)(nil)
	_ caller.Exchange = (*opening)(nil)
)
