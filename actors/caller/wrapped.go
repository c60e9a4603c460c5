// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// exchangeWrapped runs the user's call wrappers around the exchange, on the
// goroutine that waits for the call: wrappers run one attempt at a time.
func (a *attempt) exchangeWrapped() {
	inner := wrapped{attempt: a, done: make(chan struct{})}
	err := a.cell.wrap(a.node, inner.do)
	ran := inner.end()
	switch {
	case inner.answered || err == nil:
		a.phase = rpcerr.PhaseDecode
		a.cell.decoded = err == nil
		if !inner.answered {
			a.release(!ran) // a wrapper answered by itself
		}
		a.end(rpcerr.Executed, false, err)
	case !ran:
		a.unfilled(err)
	default:
		a.answered(err)
	}
}

// wrapped is the exchange that call wrappers have around them. One of them may
// run it on another goroutine and not wait for it: it works on the cell, and must
// have ended when the cell goes on.
type wrapped struct {
	attempt  *attempt
	answered bool
	done     chan struct{} // closed when it has ended

	mu   sync.Mutex
	ran  bool
	over bool // the wrappers have returned
	stop context.CancelFunc
}

// begin lets it run once.
func (w *wrapped) begin(ctx context.Context) (context.Context, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ran:
		return nil, errors.New("a call wrapper called its next function twice in one attempt")
	case w.over:
		return nil, errors.New("a call wrapper called its next function after it had returned")
	}
	ctx, w.stop = context.WithCancel(ctx)
	w.ran = true
	return ctx, nil
}

// end cuts it off, if nobody has waited for it, and reports whether it ran.
func (w *wrapped) end() (ran bool) {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	if w.ran {
		w.stop()
		<-w.done
	}
	return w.ran
}

func (w *wrapped) do(ctx context.Context) error {
	ctx, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer close(w.done)
	a := w.attempt
	err = a.carry(ctx)
	a.cell.now = a.cell.desk.Clock.Now() // it may have been waited for here
	if err != nil {
		return err
	}
	w.answered = true
	a.phase = rpcerr.PhaseDecode
	if err := a.cell.exchange.ReplyError(a.reply, a.node, nil); err != nil {
		w.answered = !misplaced(err)
		return err
	}
	return a.cell.exchange.Decode(a.reply)
}

// carry does one exchange for a wrapped attempt and waits for it.
func (a *attempt) carry(ctx context.Context) error {
	switch {
	case a.conn.Exclusive != nil:
		return a.exchangeInline(ctx)
	case a.conn.Async != nil:
		return a.carryAsync(ctx)
	case a.conn.Parallel != nil:
		return a.exchangeParallel(ctx)
	}
	j, err := a.aside(ctx)
	if err != nil {
		return fillError{err}
	}
	done := make(chan error, 1)
	//nolint:contextcheck // see run
	a.cell.desk.Go(func() {
		err := guard.ErrLeft
		defer func() { done <- err }()
		err = j.run()
	})
	bounded, cancel := a.within(ctx)
	defer cancel()
	for {
		select {
		case err := <-done:
			a.reply, a.phase = &j.reply, rpcerr.Phase(j.phase.Load())
			return err
		case <-a.cell.wake:
			if !a.cell.mail.some.Load() || !a.cell.mustStop() {
				continue
			}
		case <-bounded.Done():
		}
		a.phase = rpcerr.Phase(j.phase.Load())
		a.release(false)
		if bounded.Err() == nil {
			return transport.ErrInterrupted // the client is being closed
		}
		return a.cell.spent(ctx, a)
	}
}

// within is ctx with the attempt's bound.
func (a *attempt) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.bound == 0 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, a.cell.desk.Clock.Time(a.bound))
}

// spent says why a wrapped attempt that waited within ctx must not wait longer.
func (c *cell) spent(ctx context.Context, a *attempt) error {
	if err := ctx.Err(); err != nil && c.ctx.Err() == nil {
		return fmt.Errorf("the context that a call wrapper gave the attempt has ended: %w", err)
	}
	return c.timeoutError(a, "without an answer")
}
