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

// bound limits how long calls may block. Bind sets it.
type bound struct {
	ctx      context.Context //nolint:containedctx // Bind sets it for the calls that follow
	deadline time.Time       // zero: none
}

// direction is one direction of a socket. A call in progress keeps its bound when Bind
// sets the next one.
type direction struct {
	deadline func(time.Time) error // sets the deadline of the socket in this direction
	turn     uint64                // counts the starts and ends of calls: odd during a call
	stale    bool                  // Bind was called during the call
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

// set sets the deadline of the bound on the socket. It fails only on a closed socket, on
// which the next call fails as well.
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

// watch is one Send or Recv in progress.
type watch struct {
	c    *Conn
	d    *direction
	b    bound
	stop func() bool // ends the context.AfterFunc, nil if the context cannot end
}

// begin starts a call in a direction. It fails if the bound has been reached already.
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
		if d.turn == turn { // otherwise the call has ended
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

// cause returns why the deadline of the socket has passed, if err says so: it was
// interrupted or the bound was reached. Otherwise it returns err.
func (w *watch) cause(err error) error {
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

// deadlineError is the error of a deadline that has passed. It matches
// os.ErrDeadlineExceeded, and also context.DeadlineExceeded, because the deadline mostly
// is that of a context whose own timer fires a moment later.
type deadlineError struct{ passed time.Duration }

func (e *deadlineError) Error() string {
	return "the deadline of the exchange passed " + strconv.FormatInt(e.passed.Microseconds(), 10) + " us ago"
}

func (*deadlineError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// Timeout implements net.Error.
func (*deadlineError) Timeout() bool { return true }

// Temporary implements net.Error.
func (*deadlineError) Temporary() bool { return true }
