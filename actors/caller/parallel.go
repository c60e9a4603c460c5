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

// bounded is the context of an exchange that runs on the goroutine that waits
// for the call. The cell's timer, which stays armed from call to call, ends it
// at the deadline: context.WithDeadline would set a timer for every call.
type bounded struct {
	context.Context //nolint:containedctx // it is one

	cut  context.CancelFunc
	at   clock.Instant // 0: no deadline
	time time.Time     // at as wall-clock time
	end  atomic.Uint32 // how it ended; whoever swaps underWay decides
}

// Values of end.
const (
	underWay = iota
	expired  // the timer has cancelled it
	returned // it ended by itself
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

// exchangeParallel runs the exchange on the goroutine that waits for the call.
// Other calls use the connection at the same time.
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
	a.reply = &a.replySlot.reply
	a.reply.Body = nil
	//nolint:contextcheck // b is made of ctx
	err = a.conn.Parallel.Exchange(b, time.Time{}, request, a.reply)
	a.replySlot.loan, a.reply.Loan = a.reply.Loan, nil
	if lent && request.Loan == nil {
		c.exchange.Sent(true)
	}
	return c.cutOff(b, err)
}

// bounded returns the context for the exchange that the attempt is about to run.
func (a *attempt) bounded(ctx context.Context) *bounded {
	b := &bounded{at: a.bound}
	b.Context, b.cut = context.WithCancel(ctx)
	if a.bound != 0 {
		b.time = a.cell.desk.Clock.Time(a.bound)
	}
	return b
}

// armInline sets the timer within a turn that is about to block.
func (c *cell) armInline() {
	if c.rang.Swap(false) {
		c.armed = 0
	}
	c.arm()
}

// cutOff returns the error of an exchange under b that has ended with err.
func (c *cell) cutOff(b *bounded, err error) error {
	switch {
	case err == nil:
		return nil
	case b.end.Load() == expired:
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	case b.Context.Err() == nil:
		return err
	case c.ctx.Err() == nil:
		return transport.ErrInterrupted // cancelled by another goroutine
	default:
		return err
	}
}

// ringing runs when the cell's timer fires.
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
