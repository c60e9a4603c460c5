// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
	return a.cell.exchange.Fill(ctx, m, a.node, a.told(ctx))
}

// told is how much time the service is told it has: what remains. A call
// wrapper may have taken its time since the turn began, and may have set a
// bound of its own.
func (a *attempt) told(ctx context.Context) time.Duration {
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
		a.reply = &a.berth.reply
		return trip.RoundTrip(request, a.reply, a)
	}
	if err := conn.Exclusive.Send(request); err != nil {
		return err
	}
	if c.plan.Stream {
		return nil
	}
	a.enter(rpcerr.PhaseWait)
	a.reply = &a.berth.reply
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
		if *err == nil {
			*err = transport.ErrInterrupted
		}
	}
}

// mustStop reports whether a Cancel waits in the mailbox.
func (c *cell) mustStop() bool {
	found := false
	c.mail.take(func(l letter) bool {
		if _, is := l.body.(messages.Cancel); is && l.ticket == c.ticket {
			found = true
		}
		return false
	})
	return found
}

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
	if err := a.cell.exchange.Judge(a.reply, a.node, nil); err != nil {
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

// exchangeAside runs the exchange on a goroutine of its own, for a call whose
// attempts may race, or a connection that cannot be interrupted.
func (a *attempt) exchangeAside() {
	j, err := a.aside(a.cell.ctx)
	if err != nil {
		a.unfilled(err)
		return
	}
	a.flying, a.job = true, j
	a.enter(rpcerr.PhaseSend)
	ref, reply := a.ref, messages.Replied{Ticket: a.cell.ticket, Attempt: a.number}
	a.cell.desk.Go(func() {
		reply.Err = guard.ErrLeft
		defer func() {
			reply.Reply, reply.Phase = &j.reply, rpcerr.Phase(j.phase.Load())
			ref.Tell(reply)
		}()
		reply.Err = j.run()
	})
}

// job is an exchange on a goroutine of its own. It shares nothing with the
// cell, which may serve another call before the goroutine has noticed.
type job struct {
	conn    *messages.Conn
	request transport.Message
	reply   transport.Message
	bound   time.Time
	phase   atomic.Uint32
	stream  bool // there is no reply to wait for

	// ctx and cancel are for a parallel connection.
	ctx    context.Context //nolint:containedctx // the job lives as long
	cancel context.CancelFunc
}

func (a *attempt) aside(ctx context.Context) (*job, error) {
	j := &job{conn: a.conn, stream: a.cell.plan.Stream}
	j.phase.Store(uint32(rpcerr.PhaseSend))
	if err := a.fill(ctx, &j.request); err != nil {
		return nil, err
	}
	a.cell.exchange.Keep()
	j.request.Loan = nil
	if a.bound != 0 {
		j.bound = a.cell.desk.Clock.Time(a.bound)
	}
	if a.conn.Parallel != nil {
		j.ctx, j.cancel = context.WithCancel(ctx)
	}
	return j, nil
}

func (j *job) run() (err error) {
	defer guard.Catch("transport", &err)
	if j.conn.Parallel != nil {
		defer j.cancel()
		j.phase.Store(uint32(rpcerr.PhaseWait))
		return j.conn.Parallel.Exchange(j.ctx, j.bound, &j.request, &j.reply)
	}
	if j.conn.Exclusive != nil {
		//nolint:forbidigo // the call may be over before the job: it is interrupted, not cancelled
		j.conn.Exclusive.Bind(context.Background(), j.bound)
	}
	if trip := j.conn.RoundTripper; trip != nil && !j.stream {
		return trip.RoundTrip(&j.request, &j.reply, j)
	}
	if err := j.conn.Send(&j.request); err != nil || j.stream {
		return err
	}
	j.Sent()
	return j.conn.Recv(&j.reply)
}

// Sent implements [transport.Progress].
func (j *job) Sent() { j.phase.Store(uint32(rpcerr.PhaseWait)) }

// spent says why a wrapped attempt that waited within ctx must not wait longer.
func (c *cell) spent(ctx context.Context, a *attempt) error {
	if err := ctx.Err(); err != nil && c.ctx.Err() == nil {
		return fmt.Errorf("the context that a call wrapper gave the attempt has ended: %w", err)
	}
	return c.timeout(a)
}

// timeout says which bound an attempt ran into.
func (c *cell) timeout(a *attempt) error {
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case c.deadline != 0 && a.bound >= c.deadline:
		return c.sup.deadlineError()
	default:
		return fmt.Errorf("%w: %s without an answer (AttemptTimeout)", rpcerr.ErrAttemptTimeout, c.plan.AttemptTimeout)
	}
}

func (c *cell) wrap(n *messages.Node, do func(context.Context) error) (err error) {
	defer guard.Catch("call wrapper", &err)
	return c.exchange.Wrap(n, do)
}

func wrapTooLarge(err error) error {
	return fmt.Errorf("%w: %w", rpcerr.ErrMessageTooLarge, err)
}
