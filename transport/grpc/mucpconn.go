// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// mucpConn is the client's end of a connection.
type mucpConn struct {
	*link

	t           *Mucp
	wire        grpc.ClientStream
	dead        atomic.Bool // the stream can no longer be used
	killed      atomic.Bool // because this side ended it
	interrupted atomic.Bool

	mu    sync.Mutex
	bound bound // guarded by mu

	numbers            transport.Numbering
	sending, receiving watch
	out, in            packet
}

// bound has the arguments of Bind.
type bound struct {
	ctx context.Context //nolint:containedctx // Bind is given it for the calls that follow
	due clock.Instant   // 0: never
}

var (
	_ transport.Exclusive = (*mucpConn)(nil)
	_ transport.Peer      = (*mucpConn)(nil)
)

func newMucpConn(t *Mucp, l *link, wire grpc.ClientStream) *mucpConn {
	c := &mucpConn{link: l, t: t, wire: wire, in: packet{limit: t.config.maxMessage}, bound: bound{ctx: l.ctx}}
	c.sending.timer, c.receiving.timer = t.clock.Timer(c.sending.rang(c)), t.clock.Timer(c.receiving.rang(c))
	return c
}

// Bind implements [transport.Exclusive].
func (c *mucpConn) Bind(ctx context.Context, deadline time.Time) {
	b := bound{ctx: ctx}
	if !deadline.IsZero() {
		b.due = c.t.clock.Instant(deadline)
	}
	c.mu.Lock()
	c.bound = b
	c.mu.Unlock()
}

// Interrupt implements [transport.Exclusive].
func (c *mucpConn) Interrupt() {
	c.interrupted.Store(true)
	c.kill()
}

// kill ends the stream: in gRPC a single message of a stream cannot be cancelled.
func (c *mucpConn) kill() {
	c.killed.Store(true)
	c.dead.Store(true)
	c.cancel()
}

// Ready implements [transport.Exclusive].
func (c *mucpConn) Ready(time.Duration) bool { return !c.dead.Load() && !c.gone.Load() }

// Close implements [transport.Conn].
func (c *mucpConn) Close() error {
	c.dead.Store(true)
	return c.close()
}

// watch ends a Send or Recv when its bound is reached.
type watch struct {
	timer clock.Timer
	due   atomic.Int64 // a clock.Instant; 0: never
}

// rang returns the timer's callback. The callback checks the bound, because it may have
// changed meanwhile.
func (w *watch) rang(c *mucpConn) func() {
	return func() {
		if due := clock.Instant(w.due.Load()); due != 0 && c.t.clock.Now() >= due {
			c.kill()
		}
	}
}

// guard starts to watch the bound. release stops that.
func (c *mucpConn) guard(w *watch) (b bound, release func(), err error) {
	c.mu.Lock()
	b = c.bound
	c.mu.Unlock()
	if err := c.over(b); err != nil {
		return b, nil, err
	}
	if b.due != 0 {
		w.due.Store(int64(b.due))
		w.timer.Reset(b.due)
	}
	stop := func() bool { return true }
	if b.ctx.Done() != nil && b.ctx != c.ctx {
		stop = context.AfterFunc(b.ctx, c.kill)
	}
	return b, func() {
		stop()
		if w.due.Swap(0) != 0 {
			w.timer.Stop()
		}
	}, nil
}

// over returns the reason why this side does not go on, nil if there is none.
func (c *mucpConn) over(b bound) error {
	switch {
	case c.interrupted.Load():
		return transport.ErrInterrupted
	case c.closed.Load():
		return net.ErrClosed
	case b.ctx.Err() != nil && b.ctx != c.ctx:
		return b.ctx.Err()
	case b.due != 0 && c.t.clock.Now() >= b.due:
		return os.ErrDeadlineExceeded
	case c.killed.Load():
		return io.ErrClosedPipe // an earlier bound has ended the stream
	}
	return nil
}

// Send implements [transport.Conn].
func (c *mucpConn) Send(m *transport.Message) error {
	b, release, err := c.guard(&c.sending)
	if err != nil {
		return transport.NotSent(c.named(err))
	}
	defer release()
	if err := checkPacket(m, c.t.config.maxMessage); err != nil {
		return transport.NotSent(c.named(err))
	}
	c.numbers.Asked(m.Header)
	c.out.message = m
	err = c.wire.SendMsg(&c.out)
	c.out.message = nil
	if err == nil {
		return nil
	}
	if cause := c.over(b); cause != nil {
		return c.named(cause)
	}
	c.dead.Store(true)
	if errors.Is(err, io.EOF) {
		// The stream was over before: the message was not taken.
		return transport.NotSent(c.named(fmt.Errorf("the server has ended the stream: %w", io.EOF)))
	}
	return c.named(&streamError{status: status.Convert(err)})
}

// Recv implements [transport.Conn].
func (c *mucpConn) Recv(m *transport.Message) error {
	b, release, err := c.guard(&c.receiving)
	if err != nil {
		return c.named(err)
	}
	defer release()
	for {
		if err = c.recv(m); err != nil {
			break
		}
		if !c.numbers.Old(m.Header) {
			return nil
		}
	}
	cause := c.over(b)
	c.dead.Store(true)
	switch {
	case cause != nil:
		return c.named(cause)
	case errors.Is(err, io.EOF):
		return io.EOF
	case c.in.bad != nil:
		return c.named(c.in.bad)
	default:
		return c.named(&streamError{status: status.Convert(err)})
	}
}

// recv reads one message.
func (c *mucpConn) recv(m *transport.Message) error {
	c.in.message, c.in.bad = m, nil
	if cap(c.in.body) > keptBuffer {
		c.in.body = nil
	}
	m.Header = nil
	err := c.wire.RecvMsg(&c.in)
	c.in.message = nil
	return err
}

func (c *mucpConn) named(err error) error {
	return fmt.Errorf("mucp-grpc transport: %s: %w", c.address, err)
}

// streamError is the error of a stream that has failed.
type streamError struct{ status *status.Status }

// Error returns the status message, and for Unimplemented the likely cause.
func (f *streamError) Error() string {
	text := f.status.Message()
	if f.status.Code() == codes.Unimplemented {
		text += "; the server does not speak go-micro's grpc transport, but perhaps native gRPC"
	}
	return text
}

// Unwrap returns the kind of the error, nil if it has none.
func (f *streamError) Unwrap() error {
	switch {
	case tooLarge(f.status):
		return transport.ErrTooLarge
	case f.status.Code() == codes.Unimplemented, broken(f.status, false):
		return transport.ErrProtocol
	default:
		return nil
	}
}

// GRPCStatus returns the status, for status.FromError.
func (f *streamError) GRPCStatus() *status.Status { return f.status }
