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

// conn is the client's end of a connection of native gRPC.
type conn struct {
	*link

	t       *Transport
	running atomic.Int64
	begun   atomic.Uint64
	mute    atomic.Int64 // a clock.Instant: when an exchange was given up and nothing has come since; 0: not so
	simple  simple
}

// muteFor is how long nothing may come while exchanges are given up, until what
// begins goes elsewhere. The way to the server may be lost without a word, and
// then the system takes a quarter of an hour to say so. To ask the server would
// be better, but gRPC's servers take a ping more often than once in five minutes
// for an attack.
const muteFor = 10 * time.Second

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

// begin counts an exchange or stream in.
func (c *conn) begin() error {
	if limit := c.t.config.maxStreams; c.running.Add(1) > int64(limit) {
		c.running.Add(-1)
		return transport.NotSent(fmt.Errorf("grpc transport: %s: %w: %d (WithMaxStreams)", c.address, transport.ErrFull, limit))
	}
	c.begun.Add(1)
	return nil
}

// end counts it out.
func (c *conn) end() { c.running.Add(-1) }

// heard is told that something has come.
func (c *conn) heard() {
	if c.mute.Load() != 0 {
		c.mute.Store(0)
	}
}

// missed is told that an exchange was given up for which nothing has come.
func (c *conn) missed() {
	now := c.t.clock.Now()
	switch since := clock.Instant(c.mute.Load()); {
	case since == 0:
		c.mute.CompareAndSwap(0, int64(now))
	case now.Sub(since) >= muteFor:
		c.gone.Store(true) // what runs may go on
	}
}

// Close implements [transport.Conn]. All that runs on the connection fails.
func (c *conn) Close() error { return c.close() }

// simple is one exchange at a time, for those who know no better.
type simple struct {
	mu     sync.Mutex
	answer chan answer // of the exchange that Send began; guarded by mu
}

type answer struct {
	reply transport.Message
	err   error
}

// Send implements [transport.Conn]: it begins an exchange whose reply Recv
// returns. The one before must be over.
func (c *conn) Send(m *transport.Message) error {
	c.simple.mu.Lock()
	defer c.simple.mu.Unlock()
	if c.simple.answer != nil {
		return transport.NotSent(fmt.Errorf("grpc transport: %s: %w: the reply to the message before was not received yet", c.address, transport.ErrInvalid))
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
		return fmt.Errorf("grpc transport: %s: %w: nothing was sent, so nothing will come", c.address, transport.ErrInvalid)
	}
	a := <-pending // the end of the connection ends the exchange
	c.simple.mu.Lock()
	c.simple.answer = nil
	c.simple.mu.Unlock()
	*m = a.reply
	return a.err
}

// bounded is ctx, ended at deadline at the latest.
func bounded(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}
