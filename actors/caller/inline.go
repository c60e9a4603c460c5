// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// exchangeInline parks the running goroutine in the network poller until the
// reply is there. The connection bounds and interrupts itself.
func (a *attempt) exchangeInline(ctx context.Context) (err error) {
	request := a.borrow()
	if err := a.fill(ctx, request); err != nil {
		return fillError{err}
	}
	request.Loan = nil // the bytes may be needed for another attempt
	c, conn := a.cell, a.conn
	a.enter(rpcerr.PhaseSend)
	if c.inline.Load() != conn {
		c.inline.Store(conn)
	}
	c.parking.Store(a.token())
	defer a.parked(&err)
	if c.mail.some.Load() && c.mustStop() {
		// A Cancel lay there already, from before it could interrupt.
		return transport.NotSent(transport.ErrInterrupted)
	}
	var bound time.Time
	if a.bound != 0 {
		bound = c.desk.Clock.Time(a.bound)
	}
	conn.Exclusive.Bind(ctx, bound)
	if trip := conn.RoundTripper; trip != nil && !c.plan.Stream {
		a.reply = &a.replySlot.reply
		return trip.RoundTrip(request, a.reply, a)
	}
	if err := conn.Exclusive.Send(request); err != nil {
		return err
	}
	if c.plan.Stream {
		return nil
	}
	a.enter(rpcerr.PhaseWait)
	a.reply = &a.replySlot.reply
	return conn.Exclusive.Recv(a.reply)
}

// Sent implements [transport.Progress].
func (a *attempt) Sent() {
	a.enter(rpcerr.PhaseWait)
	a.handBack()
}

// parked ends an inline exchange. If somebody interrupted it, the connection
// is no longer good, whatever the exchange itself says.
func (a *attempt) parked(err *error) {
	if p := recover(); p != nil {
		*err = guard.Panicked("transport", p)
	}
	c := a.cell
	c.now = c.desk.Clock.Now()
	if !c.parking.CompareAndSwap(a.token(), notParked) {
		c.parking.Store(notParked)
		if *err == nil || errors.Is(*err, transport.ErrComplete) {
			*err = transport.ErrInterrupted
		}
	}
}
