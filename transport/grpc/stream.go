// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"example.com/mailcall/transport"
)

// keptBuffer is the largest buffer that a stream keeps for its next message.
const keptBuffer = 64 << 10

// stream is a stream of any kind; on the wire they are all the same.
type stream struct {
	c        *conn
	wire     grpc.ClientStream
	ctx      context.Context //nolint:containedctx // the caller's, which bounds the stream
	deadline time.Time
	cancel   context.CancelFunc
	closed   atomic.Bool

	out, in box // out belongs to the sender, in to the receiver

	mu      sync.Mutex
	end     error            // the result of Recv once the stream has ended; guarded by mu
	trailer transport.Header // guarded by mu
}

var _ transport.Stream = (*stream)(nil)

// Open implements [transport.Streamer].
func (c *conn) Open(ctx context.Context, deadline time.Time, m *transport.Message) (transport.Stream, error) {
	r, kv, err := c.prepare(&transport.Message{Header: m.Header}, nil)
	if err != nil {
		return nil, err
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	inner, cancel := bounded(ctx, deadline)
	finished := sync.OnceFunc(func() {
		c.end()
		cancel()
	})
	opts := append(c.t.config.callOptions(), r.subtype, grpc.OnFinish(func(error) { finished() }))
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	wire, err := c.cc.NewStream(metadata.AppendToOutgoingContext(inner, kv...), desc, r.path, opts...)
	if err != nil {
		finished()
		return nil, c.judge(err, &verdict{ctx: ctx, deadline: deadline, kv: kv})
	}
	return &stream{c: c, wire: wire, ctx: ctx, deadline: deadline, cancel: cancel}, nil
}

// Send implements [transport.Stream]. The header of m is not sent: in gRPC only the
// opening of the stream has a header.
func (s *stream) Send(m *transport.Message) error {
	if limit := s.c.t.config.maxMessage; len(m.Body) > limit {
		return s.c.tooLarge("message", len(m.Body), limit)
	}
	s.out.out = m.Body
	err := s.wire.SendMsg(&s.out)
	s.out.out = nil
	if err == nil {
		return nil
	}
	v := s.verdict()
	if errors.Is(err, io.EOF) && (s.ended() != nil || v.ended() == nil && !v.over) {
		return io.EOF
	}
	if errors.Is(err, io.EOF) {
		err = context.Canceled // this side ended the stream; judge finds out why
	}
	return s.c.judge(err, v)
}

// CloseSend implements [transport.Stream].
func (s *stream) CloseSend() error { return s.wire.CloseSend() }

// Recv implements [transport.Stream].
func (s *stream) Recv(m *transport.Message) error {
	if err := s.ended(); err != nil {
		return err
	}
	if cap(s.in.in) > keptBuffer {
		s.in.in = nil
	}
	err := s.wire.RecvMsg(&s.in)
	if err == nil {
		s.c.received()
		*m = transport.Message{Body: s.in.in}
		return nil
	}
	trailer := s.wire.Trailer()
	if !errors.Is(err, io.EOF) {
		header, _ := s.wire.Header()
		v := s.verdict()
		v.headed, v.trailer = len(header) > 0, trailer
		err = s.c.judge(err, v)
	}
	s.mu.Lock()
	s.end, s.trailer = err, appendFields(nil, trailer, metaType, metaDetails)
	s.mu.Unlock()
	s.cancel()
	return err
}

func (s *stream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

func (s *stream) verdict() *verdict {
	return &verdict{ctx: s.ctx, deadline: s.deadline, begun: true, over: s.closed.Load()}
}

// Header implements [transport.Stream]. An answer that consists of a trailer only has
// none.
func (s *stream) Header() (transport.Header, error) {
	md, err := s.wire.Header()
	if err != nil {
		return nil, s.c.judge(err, s.verdict())
	}
	if md != nil {
		return appendFields(nil, md), nil
	}
	if v := s.verdict(); s.ended() == nil && (v.ended() != nil || v.over) {
		return nil, s.c.judge(context.Canceled, v)
	}
	return nil, nil
}

// Trailer implements [transport.Stream].
func (s *stream) Trailer() transport.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trailer
}

// Close implements [transport.Stream].
func (s *stream) Close() error {
	s.closed.Store(true)
	s.cancel()
	return nil
}
