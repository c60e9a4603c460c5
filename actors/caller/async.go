// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"runtime"
	"sync/atomic"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// tokenBits is how many bits of a token hold the attempt's number; the other
// bits hold the ticket.
const tokenBits = 8

func (a *attempt) token() uint64 { return uint64(a.cell.ticket)<<tokenBits | uint64(a.number) }

// replySlot is where the reply of an async exchange lands: a mailbox for one
// message, without a lock. Whoever delivers the reply claims the slot by the
// exchange's token, fills it in, and then marks it as full.
type replySlot struct {
	// awaits is the token of the exchange whose reply may land here, 0 for none.
	// Whoever swaps it out decides how the exchange ends.
	awaits atomic.Uint64
	// landed is that token once the fields below are complete.
	landed atomic.Uint64

	reply transport.Message
	loan  transport.Loan
	err   error
}

// open accepts the reply of the exchange with this token.
func (b *replySlot) open(token uint64) { b.awaits.Store(token) }

// shut stops accepting the reply. One that is being delivered right now is
// returned to its connection.
func (b *replySlot) shut(token uint64) {
	if b.awaits.CompareAndSwap(token, 0) {
		return
	}
	for b.landed.Load() != token {
		runtime.Gosched() // the delivering goroutine is a few stores from done
	}
	b.landed.Store(0)
	b.clear()
}

// clear returns the buffer of a reply that has landed.
func (b *replySlot) clear() {
	if b.loan != nil {
		giveBack(b.loan)
		b.loan = nil
	}
	b.err = nil
}

// giveBack returns a loaned buffer. A panic of the transport is ignored: the
// exchange is over.
func giveBack(l transport.Loan) {
	defer func() { _ = recover() }()
	l.Return()
}

// Deliver implements [transport.Receiver]. It may be called by any goroutine at
// any time; if the attempt is over, the slot does not accept the reply.
func (a *attempt) Deliver(token uint64, m *transport.Message, loan transport.Loan, err error) {
	b := &a.replySlot
	if planted.LateReplyDecoded {
		token = b.awaits.Load()
	}
	if token == 0 || !b.awaits.CompareAndSwap(token, 0) {
		a.cell.desk.Counters.Late.Add(1)
		if loan != nil {
			loan.Return()
		}
		return
	}
	b.err, b.loan = err, loan
	if m != nil {
		b.reply = *m
		if loan == nil {
			b.reply = transport.Message{Header: m.Header.Clone(), Body: append([]byte(nil), m.Body...)}
		}
	}
	conn := a.conn // once the reply has landed, the attempt may give up its conn
	b.landed.Store(token)
	a.cell.wakeUp()
	a.cell.nudge(conn)
}

// exchangeAsync begins the exchange; [attempt.Deliver] ends it.
func (a *attempt) exchangeAsync() {
	if err := a.launch(a.cell.ctx); err != nil {
		a.answered(err)
		return
	}
	a.flying = true
}

// launch fills the request and begins the exchange.
func (a *attempt) launch(ctx context.Context) error {
	m := a.borrow()
	defer a.handBack()
	if err := a.fill(ctx, m); err != nil {
		return fillError{err}
	}
	a.enter(rpcerr.PhaseSend)
	a.replySlot.open(a.token())
	lent := m.Loan != nil
	err := a.begin(m)
	taken := lent && m.Loan == nil
	if err == nil || taken {
		a.cell.exchange.Sent(taken)
	}
	if err != nil {
		a.replySlot.shut(a.token())
		return err
	}
	a.enter(rpcerr.PhaseWait)
	return nil
}

func (a *attempt) begin(m *transport.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.replySlot.awaits.Store(0)
			err = guard.Panicked("transport", p)
		}
	}()
	if a.mayLead() {
		c := a.cell
		c.toLead = a.conn
		a.begunAs, c.lead, err = a.conn.Led.BeginLead(m, a, a.token())
		return err
	}
	a.begunAs, err = a.conn.Async.Begin(m, a, a.token())
	return err
}

// mayLead reports whether the goroutine that runs the cell may read the
// connection while it waits.
func (a *attempt) mayLead() bool {
	c := a.cell
	return a.conn.Led != nil && c.desk.Park == nil && c.desk.Schedule == nil
}

// land takes the reply from its slot, if one is there.
func (a *attempt) land() bool {
	token := a.replySlot.landed.Load()
	if token == 0 {
		return false
	}
	a.replySlot.landed.Store(0)
	if !a.flying || token != a.token() && !planted.LateReplyDecoded {
		a.replySlot.clear()
		return false
	}
	a.flying = false
	a.reply = &a.replySlot.reply
	return true
}

// landed is the turn in which the attempt handles its reply. The reply may have
// arrived before the call parked; then cell.now is still the time of the
// request.
func (a *attempt) landed() {
	if c := a.cell; c.now == a.sent {
		c.now = c.desk.Clock.Now()
	}
	err := a.replySlot.err
	a.replySlot.err = nil
	a.answered(err)
}

// carryAsync does one exchange for a wrapped attempt and waits for it.
func (a *attempt) carryAsync(ctx context.Context) error {
	if err := a.launch(ctx); err != nil {
		return err
	}
	a.flying = true
	c := a.cell
	bounded, cancel := a.within(ctx)
	defer cancel()
	for {
		if a.land() {
			err := a.replySlot.err
			a.replySlot.err = nil
			return err
		}
		if c.lead == 0 || !c.follow() {
			select {
			case <-c.wake:
			case <-bounded.Done():
			}
		}
		if bounded.Err() == nil && (!c.mail.some.Load() || !c.mustStop()) {
			continue
		}
		a.flying = false
		a.replySlot.shut(a.token())
		a.conn.Cancel(a.begunAs)
		a.release(false)
		if bounded.Err() == nil {
			return transport.ErrInterrupted
		}
		return c.spent(ctx, a)
	}
}
