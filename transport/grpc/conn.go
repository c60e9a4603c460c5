// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// conn is the client's end of a native gRPC connection.
type conn struct {
	*link

	t           *Transport
	running     atomic.Int64
	begun       atomic.Uint64
	silentSince atomic.Int64 // a clock.Instant: when an exchange was abandoned, if nothing has been received since; 0: none
	simple      simple
}

// maxSilence is how long nothing may be received while exchanges are abandoned before new
// ones use another connection. A server may become unreachable without the connection
// being closed, and the kernel takes a quarter of an hour to report it. A ping would be
// better, but gRPC servers treat more than one in five minutes as abuse.
const maxSilence = 10 * time.Second

var (
	_ transport.Parallel = (*conn)(nil)
	_ transport.Streamer = (*conn)(nil)
	_ transport.Peer     = (*conn)(nil)
)

// Ready implements [transport.Shared].
func (c *conn) Ready(time.Duration) bool { return !c.gone.Load() }

// Load implements [transport.Shared].
func (c *conn) Load() (running int, begun uint64) {
	return int(c.running.Load()), c.begun.Load()
}

// begin counts an exchange or stream that begins.
func (c *conn) begin() error {
	if limit := c.t.config.maxStreams; c.running.Add(1) > int64(limit) {
		c.running.Add(-1)
		return transport.NotSent(fmt.Errorf("grpc transport: %s: %w: %d (WithMaxStreams)", c.address, transport.ErrFull, limit))
	}
	c.begun.Add(1)
	return nil
}

// end counts one that has ended.
func (c *conn) end() { c.running.Add(-1) }

// received notes that something was received.
func (c *conn) received() {
	if c.silentSince.Load() != 0 {
		c.silentSince.Store(0)
	}
}

// abandoned notes that an exchange was abandoned for which nothing was received.
func (c *conn) abandoned() {
	now := c.t.clock.Now()
	switch since := clock.Instant(c.silentSince.Load()); {
	case since == 0:
		c.silentSince.CompareAndSwap(0, int64(now))
	case now.Sub(since) >= maxSilence:
		c.gone.Store(true) // running exchanges may go on
	}
}

// Close implements [transport.Conn]. Everything that runs on the connection fails.
func (c *conn) Close() error { return c.close() }

// simple runs one exchange at a time, for callers that use only [transport.Conn].
type simple struct {
	mu     sync.Mutex
	answer chan answer // of the exchange that Send began; guarded by mu
}

type answer struct {
	reply transport.Message
	err   error
}

// Send implements [transport.Conn]: it begins an exchange whose reply Recv returns. The
// exchange before it must have ended.
func (c *conn) Send(m *transport.Message) error {
	c.simple.mu.Lock()
	defer c.simple.mu.Unlock()
	if c.simple.answer != nil {
		return transport.NotSent(fmt.Errorf("grpc transport: %s: %w: the previous reply has not been received yet", c.address, transport.ErrInvalid))
	}
	request := transport.Message{Header: m.Header.Clone(), Body: append([]byte(nil), m.Body...)}
	done := make(chan answer, 1)
	c.simple.answer = done
	go func() {
		var a answer
		a.err = c.Exchange(c.ctx, time.Time{}, &request, &a.reply)
		done <- a
	}()
	return nil
}

// Recv implements [transport.Conn].
func (c *conn) Recv(m *transport.Message) error {
	c.simple.mu.Lock()
	pending := c.simple.answer
	c.simple.mu.Unlock()
	if pending == nil {
		return fmt.Errorf("grpc transport: %s: %w: nothing was sent, so there is no reply", c.address, transport.ErrInvalid)
	}
	a := <-pending // ends with the connection at the latest
	c.simple.mu.Lock()
	c.simple.answer = nil
	c.simple.mu.Unlock()
	*m = a.reply
	return a.err
}

// bounded returns ctx with the deadline added.
func bounded(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}
