// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// bounded is the context of an exchange that runs on the goroutine which waits
// for the call. The cell's own timer, which is left armed from call to call,
// ends it at the deadline: a context with a timer costs one for each call.
type bounded struct {
	context.Context //nolint:containedctx // it is one

	cut     context.CancelFunc
	at      clock.Instant // 0: no deadline
	time    time.Time     // the same
	expired atomic.Bool
}

// Deadline implements context.Context.
func (b *bounded) Deadline() (time.Time, bool) {
	if b.at == 0 {
		return b.Context.Deadline()
	}
	return b.time, true
}

// Err implements context.Context.
func (b *bounded) Err() error {
	err := b.Context.Err()
	if err != nil && b.expired.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// exchangeParallel runs the exchange on the goroutine that waits for the call;
// the connection does not mind others.
func (a *attempt) exchangeParallel(ctx context.Context) (err error) {
	if err := a.fill(ctx, &a.request); err != nil {
		return fillError{err}
	}
	c := a.cell
	b := &bounded{at: a.bound}
	b.Context, b.cut = context.WithCancel(ctx)
	defer b.cut()
	if a.bound != 0 {
		b.time = c.desk.Clock.Time(a.bound)
	}
	a.enter(rpcerr.PhaseWait)
	c.cut.Store(b)
	c.parking.Store(a.token())
	defer c.cut.Store(nil)
	defer a.parked(&err)
	if c.mail.some.Load() && c.mustStop() {
		return transport.NotSent(transport.ErrInterrupted)
	}
	if c.rang.Swap(false) {
		c.armed = 0
	}
	c.arm()
	a.reply = &a.berth.reply
	*a.reply = transport.Message{}
	err = a.conn.Parallel.Exchange(b, time.Time{}, &a.request, a.reply)
	switch {
	case err == nil || b.Context.Err() == nil:
		return err
	case b.expired.Load():
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	case c.ctx.Err() == nil:
		return transport.ErrInterrupted // by a cancel from elsewhere
	default:
		return err
	}
}

// ringing is what the cell's timer does.
func (c *cell) ringing() {
	if b := c.cut.Load(); b != nil && b.at != 0 {
		if c.desk.Clock.Now() < b.at {
			c.timer.Reset(b.at) // it was armed for an earlier call
		} else {
			b.expired.Store(true)
			b.cut()
		}
	}
	c.rang.Store(true)
	c.rouse()
}
