// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

const (
	maxWaiting      = 256      // messages queued for Recv
	maxWaitingBytes = 16 << 20 // the total of their payloads
)

// ends has the subjects of a connection.
type ends struct {
	local, remote string
	subject       string // messages are sent to it
	reply         string // sent along as the reply subject, "" for none
}

// conn is one end of a connection, the client's or the server's.
type conn struct {
	ends
	link    *link
	nc      *natsio.Conn
	most    int64            // the largest payload, in bytes
	epoch   context.Context  //nolint:containedctx // ends when the connection to the server is lost
	in      chan *natsio.Msg // queued for Recv
	onClose func() error

	ctx    context.Context //nolint:containedctx // its cause says why the connection ended
	end    context.CancelCauseFunc
	bytes  atomic.Int64 // the bytes queued in the channel
	unread atomic.Int64 // messages sent since the last one was received
	used   atomic.Int64 // when a message was last received or sent, Unix ns
	known  atomic.Bool  // the peer may know of the connection

	numbers transport.Numbering // of a client's requests

	mu     sync.Mutex
	bound  context.Context    //nolint:containedctx // set by Bind for the calls that follow
	unbind context.CancelFunc // nil before the first Bind
	once   sync.Once
}

var (
	_ transport.Exclusive = (*conn)(nil)
	_ transport.Peer      = (*conn)(nil)
)

// Reasons why a connection ends.
var (
	errConnClosed = errors.New("nats transport: the connection is closed")
	errFlooded    = errors.New("nats transport: too many messages wait for Recv, and the protocol has no flow control")
)

func newConn(l *link, nc *natsio.Conn, e ends) *conn {
	epoch := l.current()
	c := &conn{ends: e, link: l, nc: nc, most: nc.MaxPayload(), epoch: epoch, in: make(chan *natsio.Msg, maxWaiting)}
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(epoch))
	c.bound = context.WithoutCancel(epoch)
	c.used.Store(time.Now().UnixNano())
	l.open(c)
	return c
}

// LocalAddress implements [transport.Peer].
func (c *conn) LocalAddress() string { return c.local }

// RemoteAddress implements [transport.Peer].
func (c *conn) RemoteAddress() string { return c.remote }

// Send implements [transport.Conn]. It returns when the message is in the buffer of
// nats.go, which a goroutine writes at once; it blocks while the buffer is full because
// the server does not read.
func (c *conn) Send(m *transport.Message) error {
	if err := c.state(); err != nil {
		return transport.NotSent(err)
	}
	payload, err := seal(c.most, &broker.Message{Header: fields(m.Header), Body: m.Body})
	if err != nil {
		return transport.NotSent(fmt.Errorf("nats transport: %w", carried(err)))
	}
	if c.reply != "" {
		c.numbers.Asked(m.Header)
	}
	c.used.Store(time.Now().UnixNano())
	c.unread.Add(1)
	c.known.Store(true)
	err = c.write(payload)
	if err == nil || errors.Is(err, transport.ErrNotSent) {
		return err
	}
	err = fmt.Errorf("nats transport: send to %s: %w", c.remote, err)
	if errors.Is(err, errBuffered) {
		return err
	}
	return transport.NotSent(err)
}

// write publishes within the bound of the connection. If the server does not read,
// nats.go blocks for up to a minute while it holds its lock; so only one goroutine of
// the link waits there, and the others wait for that one.
func (c *conn) write(payload []byte) error {
	bound := c.limit()
	select {
	case c.link.writing <- struct{}{}:
	case <-bound.Done():
		return transport.NotSent(c.state())
	case <-c.epoch.Done():
		return transport.NotSent(c.state())
	case <-c.ctx.Done():
		return transport.NotSent(c.state())
	}
	done := make(chan error, 1)
	go func() {
		err := publish(c.nc, c.subject, c.reply, payload)
		<-c.link.writing
		done <- err
	}()
	for ended := c.ctx.Done(); ; ended = nil {
		select {
		case err := <-done:
			return err
		case <-bound.Done():
		case <-c.epoch.Done():
		case <-ended:
			if errors.Is(c.state(), io.EOF) {
				continue // the peer has ended the connection, perhaps because of this message
			}
		}
		return fmt.Errorf("%w: %w", errBuffered, c.state())
	}
}

// fields converts a header to a map; the first field of a name counts.
func fields(h transport.Header) metadata.Metadata {
	out := make(metadata.Metadata, len(h))
	for _, f := range h {
		if _, taken := out[f.Name]; !taken {
			out[f.Name] = f.Value
		}
	}
	return out
}

// state returns why the connection can no longer be used, nil if it can.
func (c *conn) state() error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if c.epoch.Err() != nil {
		return context.Cause(c.epoch)
	}
	return over(c.limit())
}

// limit returns the context set by Bind.
func (c *conn) limit() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound
}

// over returns the error of a bound that has ended.
func over(bound context.Context) error {
	switch err := bound.Err(); {
	case err == nil:
		return nil
	case errors.Is(context.Cause(bound), os.ErrDeadlineExceeded):
		return fmt.Errorf("nats transport: %w", os.ErrDeadlineExceeded)
	default:
		return fmt.Errorf("nats transport: %w", err)
	}
}

// Bind implements [transport.Exclusive].
func (c *conn) Bind(ctx context.Context, deadline time.Time) {
	unbind := context.CancelFunc(nil)
	if !deadline.IsZero() {
		ctx, unbind = context.WithDeadlineCause(ctx, deadline, os.ErrDeadlineExceeded)
	}
	c.mu.Lock()
	last := c.unbind
	c.bound, c.unbind = ctx, unbind
	c.mu.Unlock()
	if last != nil {
		last()
	}
}

// Interrupt implements [transport.Exclusive].
func (c *conn) Interrupt() { c.end(transport.ErrInterrupted) }

// Ready implements [transport.Exclusive].
func (c *conn) Ready(time.Duration) bool {
	return c.ctx.Err() == nil && c.epoch.Err() == nil && len(c.in) == 0
}

// Close implements [transport.Conn]. If the peer may know of the connection, it is sent
// an empty message. go-micro has no such message; its socket fails on it, which closes
// the socket too, whereas otherwise it would stay open for ever.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		c.link.shut(c)
		if cause := context.Cause(c.ctx); c.known.Load() && !errors.Is(cause, io.EOF) && !errors.Is(cause, natsio.ErrPermissionViolation) {
			_ = publish(c.nc, c.subject, c.reply, nil) // best effort: it may not arrive anyway
		}
		c.end(fmt.Errorf("%w: %w", errConnClosed, io.ErrClosedPipe))
		c.mu.Lock()
		unbind := c.unbind
		c.mu.Unlock()
		if unbind != nil {
			unbind()
		}
		err = c.onClose()
	})
	return err
}
