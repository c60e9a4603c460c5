// SPDX-License-Identifier: Apache-2.0

package gob

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"example.com/mailcall/transport"
)

// bound is what Bind sets.
type bound struct {
	ctx      context.Context //nolint:containedctx // Bind is given it for the calls that follow
	deadline time.Time       // zero: none
}

// direction is one of the two of a socket. What is under way in it keeps its
// bound while the next one is set.
type direction struct {
	deadline func(time.Time) error // of the socket
	turn     uint64                // counts the ends and beginnings of calls: odd while one is under way
	stale    bool                  // the bound has changed meanwhile
}

// Bind implements [transport.Exclusive].
func (c *Conn) Bind(ctx context.Context, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound = bound{ctx, deadline}
	if c.sending.turn&1 == 0 && c.receiving.turn&1 == 0 {
		c.set(c.raw.SetDeadline)
		return
	}
	for _, d := range [...]*direction{&c.sending, &c.receiving} {
		if d.stale = d.turn&1 != 0; !d.stale {
			c.set(d.deadline)
		}
	}
}

// set gives the socket the deadline of the bound. It fails on a closed socket
// only, as all that follows does.
func (c *Conn) set(deadline func(time.Time) error) {
	if c.state.Load()&stateInterrupted == 0 {
		_ = deadline(c.bound.deadline)
	}
}

// Interrupt implements [transport.Exclusive].
func (c *Conn) Interrupt() {
	c.state.Or(stateInterrupted)
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.SetDeadline(longAgo())
}

func longAgo() time.Time { return time.Unix(1, 0) }

// watch is one Send or Recv under way.
type watch struct {
	c    *Conn
	d    *direction
	b    bound
	stop func() bool // ends the watch over the context, nil if it cannot end
}

// begin starts the watch over a call in a direction. It fails if the call has no
// time at all.
func (c *Conn) begin(d *direction) (watch, error) {
	if state := c.state.Load(); state&stateInterrupted != 0 {
		return watch{}, transport.ErrInterrupted
	} else if state&stateClosed != 0 {
		return watch{}, errClosed
	}
	c.mu.Lock()
	w := watch{c: c, d: d, b: c.bound}
	if err := w.b.over(); err != nil {
		c.mu.Unlock()
		c.state.Or(stateGivenUp)
		return w, err
	}
	d.turn++
	turn := d.turn
	c.mu.Unlock()
	if w.b.ctx == nil || w.b.ctx.Done() == nil {
		return w, nil
	}
	w.stop = context.AfterFunc(w.b.ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if d.turn == turn { // else the socket works for a later call
			_ = d.deadline(longAgo())
		}
	})
	return w, nil
}

func (w *watch) end() {
	if w.stop != nil {
		w.stop()
	}
	c, d := w.c, w.d
	c.mu.Lock()
	defer c.mu.Unlock()
	d.turn++
	if d.stale {
		d.stale = false
		c.set(d.deadline)
	}
}

// over returns the error of a bound that has been reached.
func (b *bound) over() error {
	if !b.deadline.IsZero() {
		if late := time.Since(b.deadline); late >= 0 {
			return &deadlineError{late}
		}
	}
	if b.ctx != nil {
		return b.ctx.Err()
	}
	return nil
}

// meaning turns the error of a socket that was woken up into what woke it.
func (w *watch) meaning(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	w.c.state.Or(stateGivenUp)
	if w.c.state.Load()&stateInterrupted != 0 {
		return transport.ErrInterrupted
	}
	if over := w.b.over(); over != nil {
		return over
	}
	return err
}

// deadlineError matches os.ErrDeadlineExceeded, and context.DeadlineExceeded
// as well because the bound mostly comes from a context whose own timer fires
// a moment later.
type deadlineError struct{ passed time.Duration }

func (e *deadlineError) Error() string {
	return "the bound of the exchange passed " + strconv.FormatInt(e.passed.Microseconds(), 10) + " us ago"
}

func (*deadlineError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// Timeout makes the error a timeout for callers that look through net.Error.
func (*deadlineError) Timeout() bool { return true }

// Temporary is the other half of net.Error.
func (*deadlineError) Temporary() bool { return true }
