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

	cut  context.CancelFunc
	at   clock.Instant // 0: no deadline
	time time.Time     // the same
	end  atomic.Uint32 // how it ended: whoever changes it from underWay decides
}

// Values of end.
const (
	underWay = iota
	expired  // the timer has cut it
	returned // it came to an end by itself
)

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
	if err != nil && b.end.Load() == expired {
		return context.DeadlineExceeded
	}
	return err
}

// exchangeParallel runs the exchange on the goroutine that waits for the call;
// the connection does not mind others.
func (a *attempt) exchangeParallel(ctx context.Context) (err error) {
	request := a.borrow()
	if err := a.fill(ctx, request); err != nil {
		return fillError{err}
	}
	c, b := a.cell, a.bounded(ctx)
	defer b.cut()
	a.enter(rpcerr.PhaseWait)
	c.cut.Store(b)
	c.parking.Store(a.token())
	defer c.cut.Store(nil)
	defer a.parked(&err)
	if c.mail.some.Load() && c.mustStop() {
		return transport.NotSent(transport.ErrInterrupted)
	}
	c.armInline()
	lent := request.Loan != nil
	a.reply = &a.berth.reply
	a.reply.Body = nil
	//nolint:contextcheck // b is made of ctx
	err = a.conn.Parallel.Exchange(b, time.Time{}, request, a.reply)
	a.berth.loan, a.reply.Loan = a.reply.Loan, nil
	if lent && request.Loan == nil {
		c.exchange.Sent(true)
	}
	return c.cutOff(b, err)
}

// bounded makes the context of what the attempt is about to do.
func (a *attempt) bounded(ctx context.Context) *bounded {
	b := &bounded{at: a.bound}
	b.Context, b.cut = context.WithCancel(ctx)
	if a.bound != 0 {
		b.time = a.cell.desk.Clock.Time(a.bound)
	}
	return b
}

// armInline sets the timer in the middle of a turn that is about to wait.
func (c *cell) armInline() {
	if c.rang.Swap(false) {
		c.armed = 0
	}
	c.arm()
}

// cutOff says why what b bounded has ended with err.
func (c *cell) cutOff(b *bounded, err error) error {
	switch {
	case err == nil:
		return nil
	case b.end.Load() == expired:
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	case b.Context.Err() == nil:
		return err
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
		} else if b.end.CompareAndSwap(underWay, expired) {
			b.cut()
		}
	}
	c.rang.Store(true)
	c.rouse()
}
