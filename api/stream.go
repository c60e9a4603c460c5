// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// StreamFunc opens a stream. It returns the stream, or why it could not be
// opened.
type StreamFunc func(ctx context.Context, req Request, opts CallOptions) (Stream, error)

// StreamWrapper wraps the opening of each stream; by returning a stream of its
// own it can wrap everything that happens on it. The first one given is the
// outermost; those of the client are outside those of the call. Changes to the
// options that it passes on have no effect. It is called by many goroutines at
// once.
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
	err := checkRequest(ctx, req) // a stream may be opened without a value
	if err == nil {
		err = ctxerr.Before(ctx)
	}
	if err != nil {
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

// stream implements [Stream].
type stream struct {
	*streamer.Stream
	ctx     context.Context //nolint:containedctx // Context returns it
	method  *method
	request Request
	id      string
	form    *form
	shown   atomic.Bool // the header was stored in ReplyHeader

	out   transport.Message // used by the sending goroutine
	in    transport.Message // used by the receiving goroutine
	heard bool              // a message was received
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

// open returns the value without its envelope. told says that the error comes
// from the service, which ends the stream; a first message with another content type
// is also one, because with that a server refuses the content type of the stream.
func (s *stream) open(v any) (payload []byte, told bool, err error) {
	defer guard.Catch("codec", &err)
	later := s.heard
	s.heard = true
	payload, _, err = s.form.open(&s.in, s.Node().Address, v, later)
	if e, is := errors.AsType[*rpcerr.Error](err); is {
		told = e.FromServer() || !later && errors.Is(err, errOtherType)
	}
	return payload, told, err
}

func (s *stream) decode(payload []byte, v any) (err error) {
	defer guard.Catch("codec", &err)
	return s.form.decode(payload, v, &s.in)
}

// show stores the header once it has arrived, and at the end the trailer, where
// the caller has asked for them.
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
