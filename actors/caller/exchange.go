// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// exchange carries the request over the attempt's connection, in the one of
// three ways that fits the connection and the call:
//
//   - inline, on the goroutine that waits for the call anyway: an exclusive or
//     parallel connection, and no other attempt can race this one;
//   - begun and answered later, without any goroutine: an async connection;
//   - on a goroutine of its own: the rest.
func (a *attempt) exchange() {
	a.sent = a.cell.now
	switch plan := a.cell.plan; {
	case plan.Stream:
		a.openStream()
	case plan.Wrapped:
		a.exchangeWrapped()
	case a.conn.Async != nil:
		a.exchangeAsync()
	case a.conn.Exclusive != nil && plan.HedgeAfter == 0:
		a.answered(a.exchangeInline(a.cell.ctx))
	case a.conn.Parallel != nil && plan.HedgeAfter == 0:
		a.answered(a.exchangeParallel(a.cell.ctx))
	default:
		a.exchangeAside()
	}
}

// borrow returns memory for the attempt's request. It comes from a pool and is
// returned as soon as it is no longer read, so that only a few of ten thousand
// waiting calls hold any.
func (a *attempt) borrow() *transport.Message {
	if a.request == nil {
		a.request, _ = a.cell.desk.requests.Get().(*transport.Message)
	}
	return a.request
}

func (a *attempt) handBack() {
	if m := a.request; m != nil {
		a.request = nil
		m.Body, m.Loan = nil, nil
		a.cell.desk.requests.Put(m)
	}
}

// fill writes the request. If that fails, so would every other attempt.
func (a *attempt) fill(ctx context.Context, m *transport.Message) (err error) {
	defer guard.Catch("codec", &err)
	m.Header, m.Loan, m.Brief = m.Header[:0], nil, false
	return a.cell.exchange.Fill(ctx, m, a.node, a.wireTimeout(ctx))
}

// wireTimeout is how much time the service is told it has: what remains. A call
// wrapper may have taken its time since the turn began, and may have set a
// bound of its own.
func (a *attempt) wireTimeout(ctx context.Context) time.Duration {
	c := a.cell
	if !c.plan.Wrapped {
		return a.remaining(c.now)
	}
	c.now = c.desk.Clock.Now()
	left := a.remaining(c.now)
	if t, ok := ctx.Deadline(); ok {
		if own := max(c.desk.Clock.Instant(t).Sub(c.now), 1); left == 0 || own < left {
			return own
		}
	}
	return left
}

// fillError marks an attempt that failed before anything was sent, through no
// fault of node or connection.
type fillError struct{ error }

func (e fillError) Unwrap() error { return e.error }

func (a *attempt) unfilled(err error) {
	a.phase = rpcerr.PhaseSend
	a.release(true)
	a.end(rpcerr.NotSent, true, err)
}

// mustStop reports whether a Cancel waits in the mailbox.
func (c *cell) mustStop() bool {
	found := false
	c.mail.take(func(e envelope) bool {
		if _, is := e.body.(messages.Cancel); is && e.ticket == c.ticket {
			found = true
		}
		return false
	})
	return found
}

// timeoutError says which bound an attempt ran into; how is what it had achieved by
// then.
func (c *cell) timeoutError(a *attempt, how string) error {
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case c.deadline != 0 && a.bound >= c.deadline:
		return c.sup.deadlineError()
	default:
		return fmt.Errorf("%w: %s %s (AttemptTimeout)", rpcerr.ErrAttemptTimeout, c.plan.AttemptTimeout, how)
	}
}

func wrapTooLarge(err error) error {
	return fmt.Errorf("%w: %w", rpcerr.ErrMessageTooLarge, err)
}
