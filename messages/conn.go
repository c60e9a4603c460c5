// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"fmt"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Conn is an open connection of a pool. An exclusive one is owned by whoever
// holds the lease; a shared one is used by many at once.
type Conn struct {
	transport.Conn
	// The optional interfaces of Conn, nil where it does not implement them.
	Exclusive    transport.Exclusive
	RoundTripper transport.RoundTripper
	Async        transport.Async
	Led          transport.Led
	Parallel     transport.Parallel
	Shared       transport.Shared
	Streamer     transport.Streamer
	// Pool is where the connection belongs.
	Pool *Pool
	// Dialled is when the connection was opened, Expires when it is too old to
	// be used again (0: never).
	Dialled, Expires clock.Instant

	// Quiet and QuietAt are for the keeper of a shared connection: how many
	// exchanges it had carried when the keeper first saw it idle, and when
	// that was.
	Quiet   uint64
	QuietAt clock.Instant

	slot  uint32
	since atomic.Int64 // the Instant at which it became idle; 0: it is leased
}

// NewConn adds a newly dialled connection to its pool and leases it to the
// caller.
func NewConn(c transport.Conn, p *Pool, now, expires clock.Instant) *Conn {
	conn := &Conn{Conn: c, Pool: p, Dialled: now, Expires: expires}
	conn.faces(c)
	if conn.Shared == nil {
		conn.slot = p.idle.Add(conn)
	}
	return conn
}

// Ready reports whether the connection, idle for the given time, may carry
// another exchange. It is not ready if its transport panics.
func (c *Conn) Ready(idle time.Duration) (ready bool) {
	defer func() {
		if recover() != nil {
			ready = false
		}
	}()
	switch {
	case c.Shared != nil:
		return c.Shared.Ready(idle)
	case c.Exclusive != nil:
		return c.Exclusive.Ready(idle)
	case c.Async != nil:
		return c.Async.Ready(idle)
	default:
		return true
	}
}

// Close closes the connection. A panic of its transport becomes an error that
// matches rpcerr.ErrPanic.
func (c *Conn) Close() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: transport: close: %v", rpcerr.ErrPanic, p)
		}
	}()
	return c.Conn.Close()
}

// Interrupt ends the exchange in progress on an exclusive connection. If the
// transport panics, the connection is closed, which ends the exchange too.
func (c *Conn) Interrupt() {
	defer func() {
		if recover() != nil {
			_ = c.Close() // which ends the exchange with an error
		}
	}()
	c.Exclusive.Interrupt()
}

// Cancel cancels an exchange that was begun. A panic of the transport is
// ignored: nobody waits for the reply any more.
func (c *Conn) Cancel(exchange uint64) {
	defer func() { _ = recover() }()
	c.Async.Cancel(exchange)
}

// Nudge makes the goroutine that leads (reads) the connection return and look
// for other work. A panic of the transport is ignored.
func (c *Conn) Nudge() {
	defer func() { _ = recover() }()
	c.Led.Nudge()
}

// Running returns how many exchanges and streams a shared connection carries
// now.
func (c *Conn) Running() int {
	n, _ := c.load()
	return n
}

// Begun returns how many exchanges and streams it has carried in total.
func (c *Conn) Begun() uint64 {
	_, n := c.load()
	return n
}

// load asks the transport, and returns zeros if that panics.
func (c *Conn) load() (running int, begun uint64) {
	defer func() { _ = recover() }()
	return c.Shared.Load()
}

// faces fills in the optional interfaces that the connection implements.
func (c *Conn) faces(t transport.Conn) {
	c.Exclusive, _ = t.(transport.Exclusive)
	c.RoundTripper, _ = t.(transport.RoundTripper)
	c.Async, _ = t.(transport.Async)
	c.Led, _ = t.(transport.Led)
	c.Parallel, _ = t.(transport.Parallel)
	c.Shared, _ = t.(transport.Shared)
	c.Streamer, _ = t.(transport.Streamer)
}
