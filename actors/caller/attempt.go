// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// attempt is the actor that tries a call at one node: it gets a connection,
// has the exchange carried, and reports how far it came and what that proves.
// It is never restarted: that would send the request twice.
type attempt struct {
	cell *cell
	slot int
	ref  messages.Ref[messages.AttemptMessage]

	node    *messages.Node
	conn    *messages.Conn
	pooled  bool               // conn lay in the pool, and nobody has looked at it since
	request *transport.Message // while it is wanted, see borrow
	reply   *transport.Message
	begun   clock.Instant
	bound   clock.Instant
	number  int // in the call, from 1
	hedge   bool
	holding bool // it counts in the node's InFlight
	phase   rpcerr.Phase
	flying  bool             // an exchange runs elsewhere
	job     *job             // that exchange, unless the connection is async
	begunAs uint64           // what an async connection calls it
	sent    clock.Instant    // when it had a connection and began to use it
	berth   berth            // where its reply lands
	stream  transport.Stream // what it has opened
	report  messages.AttemptEnded

	seen watchedAttempt
}

// watchedAttempt is what the inspector reads of a live attempt.
type watchedAttempt struct {
	node  atomic.Pointer[messages.Node]
	shown // its place is a rpcerr.Phase, or noAttempt
}

// noAttempt is the phase of a slot without a live attempt; the zero value is
// that of a slot that never had one.
const noAttempt = uint32(rpcerr.PhaseQueue)

// receive is one turn of the attempt.
func (a *attempt) receive(m messages.AttemptMessage) {
	switch m := m.(type) {
	case *messages.Try:
		a.try()
	case messages.Leased:
		a.leased(m)
	case messages.Replied:
		if a.flying && m.Attempt == a.number || planted.LateReplyDecoded {
			if a.job != nil {
				a.request = &a.job.request
			}
			a.flying, a.job = false, nil
			a.phase = m.Phase
			a.reply = m.Reply
			a.berth.loan = m.Reply.Loan
			a.answered(m.Err)
		}
	}
}

// hold takes the node; letGo gives it back and shows what comes next.
func (a *attempt) hold(n *messages.Node) {
	a.node = n
	a.holding = true
	n.InFlight.Add(1)
	if a.seen.node.Load() != n {
		a.seen.node.Store(n)
	}
	a.phase = rpcerr.PhaseAcquire
	a.seen.begin(a.begun, uint32(a.phase))
}

func (a *attempt) letGo(next uint32) {
	if a.holding {
		a.holding = false
		a.node.InFlight.Add(-1)
		a.seen.enter(next)
	}
}

func (a *attempt) enter(p rpcerr.Phase) {
	a.phase = p
	a.seen.enter(uint32(p))
}

// try gets a connection: from the shelf if one lies there, else by asking.
func (a *attempt) try() {
	if pool := a.node.Pool(); pool != nil {
		if conn := a.take(pool); conn != nil {
			a.conn = conn
			a.exchange()
			return
		}
	}
	a.ask(nil)
}

// take returns a connection that is there, or nil. A stream shares one or gets
// one of its own: it never takes from those that calls have used.
func (a *attempt) take(pool *messages.Pool) *messages.Conn {
	plan := a.cell.plan
	a.pooled = !plan.Stream && !plan.Wrapped && plan.HedgeAfter == 0
	switch {
	case plan.Stream:
		return pool.Common()
	case a.pooled:
		return pool.TakeUnseen(a.begun)
	default:
		return pool.Take(a.begun)
	}
}

// passOver drops a connection that did not outlive its rest in the pool, and
// takes the next one. What the keeper hands out is not passed over: a server that
// hangs up on each connection would be dialled for ever.
func (a *attempt) passOver() {
	a.drop()
	a.cell.tell(a.slot, &a.cell.try)
}

// crowdedOut asks for another connection: the one at hand took no more.
func (a *attempt) crowdedOut() {
	full := a.conn
	a.conn, a.reply = nil, nil
	a.ask(full)
}

// ask sends for a connection.
func (a *attempt) ask(full *messages.Conn) {
	m := messages.Acquire{Ticket: a.cell.ticket, Attempt: a.number, Deadline: a.bound, ReplyTo: a.ref, Full: full, Fresh: a.cell.plan.Stream}
	a.enter(rpcerr.PhaseDial)
	if pool := a.node.Pool(); pool != nil {
		pool.Keeper.Tell(m)
		if pool.Gone() { // the node was removed since it was picked
			a.leased(messages.Leased{Ticket: m.Ticket, Attempt: m.Attempt, Phase: rpcerr.PhaseAcquire, Err: pool.Removed()})
		}
		return
	}
	a.cell.desk.Root.Tell(messages.OpenPool{Node: a.node, Acquire: m})
}

func (a *attempt) leased(m messages.Leased) {
	if m.Attempt != a.number || a.conn != nil || !a.holding {
		a.cell.late(m) // it gave up waiting; another attempt has the slot, or none
		return
	}
	if m.Err != nil {
		a.enter(m.Phase)
		a.end(rpcerr.NotSent, false, m.Err)
		return
	}
	a.conn, a.pooled = m.Conn, false
	a.exchange()
}

// answered judges the end of an exchange.
func (a *attempt) answered(err error) {
	if !a.cell.plan.Stream {
		a.handBack()
	}
	if err == nil && a.cell.plan.Stream {
		a.end(rpcerr.SentUnknown, false, nil)
		return
	}
	if err == nil || errors.Is(err, transport.ErrAnswered) {
		a.phase = rpcerr.PhaseDecode
		told := errors.Unwrap(err)
		err = a.judge(told)
		if told == nil && misplaced(err) {
			a.end(rpcerr.SentUnknown, false, err)
			return
		}
		a.end(rpcerr.Executed, false, err)
		return
	}
	var unfit fillError
	switch {
	case errors.As(err, &unfit):
		a.unfilled(unfit.error)
	case errors.Is(err, transport.ErrFull):
		a.crowdedOut()
	case errors.Is(err, transport.ErrStale) && a.pooled:
		a.passOver()
	case errors.Is(err, transport.ErrInvalid):
		a.end(rpcerr.NotSent, true, err)
	case errors.Is(err, transport.ErrTooLarge) && a.phase == rpcerr.PhaseSend:
		a.end(rpcerr.NotSent, true, wrapTooLarge(err))
	case errors.Is(err, transport.ErrNotSent):
		a.end(rpcerr.NotSent, false, err)
	case errors.Is(err, transport.ErrTooLarge):
		a.end(rpcerr.Executed, true, wrapTooLarge(err))
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.end(rpcerr.SentUnknown, false, partly(a.cell.timeout(a), err))
	default:
		a.end(rpcerr.SentUnknown, false, err)
	}
}

// partly adds to the end of the time what a broker knows by then: who got the
// message, and who did not.
func partly(over, err error) error {
	if partial, is := errors.AsType[*broker.PartialError](err); is {
		return fmt.Errorf("%w: %w", over, partial)
	}
	return over
}

// misplaced reports whether judging has found that the reply answers another
// request. What became of this one is not known then, and the connection is out
// of step.
func misplaced(err error) bool { return errors.Is(err, transport.ErrProtocol) }

// judge asks what the reply means; told is the error that the wire itself has
// told, nil for none.
func (a *attempt) judge(told error) (err error) {
	defer guard.Catch("codec", &err)
	return a.cell.exchange.Judge(a.reply, a.node, told)
}

// end reports to the supervisor. The connection of a good answer is kept
// until the answer has been decoded from it; any other is given back now.
func (a *attempt) end(proof rpcerr.Proof, final bool, err error) {
	if err != nil {
		a.release(proof == rpcerr.Executed)
	}
	a.report = messages.AttemptEnded{Slot: a.slot, Phase: a.phase, Proof: proof, Final: final, Err: err}
	a.cell.tell(toSupervisor, &a.report)
}

// release gives the connection back, for reuse if the exchange on it was
// complete.
func (a *attempt) release(complete bool) {
	c := a.conn
	if c == nil {
		return
	}
	a.conn, a.reply = nil, nil
	a.berth.clear()
	if c.Shared != nil {
		if !c.Ready(0) {
			c.Pool.Keeper.Tell(messages.Dropped{Conn: c})
		}
		return
	}
	if !complete || a.cell.plan.Close || !c.Ready(0) {
		c.Pool.Keeper.Tell(messages.Dropped{Conn: c})
		return
	}
	if back := c.Pool.Put(c, a.cell.now); back != nil {
		back.Pool.Keeper.Tell(messages.Released{Conn: back})
	}
}

// abandon is how the supervisor ends the attempt: a call and not a message,
// because both live in one cell, one goroutine runs them, and the supervisor
// must know at once how far the attempt was.
//
// It ends the attempt from outside and says how far it was. The exchange
// is cut off on the wire: nothing more of it is written, and a reply that
// still comes finds nobody.
func (a *attempt) abandon(err error) *messages.AttemptEnded {
	proof := rpcerr.NotSent
	switch {
	case a.conn == nil:
		a.withdraw()
	case a.flying:
		a.flying = false
		proof = rpcerr.SentUnknown
		if a.conn.Async != nil {
			a.berth.shut(a.token())
			a.conn.Cancel(a.begunAs)
			a.phase = rpcerr.PhaseWait
		} else {
			switch {
			case a.conn.Exclusive != nil:
				a.conn.Interrupt()
			case a.conn.Parallel != nil:
				a.job.cancel()
			}
			a.phase = rpcerr.Phase(a.job.phase.Load())
			a.job = nil
		}
		a.drop()
	default:
		a.release(false)
	}
	a.report = messages.AttemptEnded{Slot: a.slot, Phase: a.phase, Proof: proof, Err: err}
	return &a.report
}

// withdraw stops waiting for a connection. What it waited for is the dial,
// unless nobody dials because the pool is at its bound.
func (a *attempt) withdraw() {
	a.phase = rpcerr.PhaseDial
	pool := a.node.Pool()
	if pool == nil {
		return
	}
	a.phase = missed(&pool.Stats)
	if !planted.LeaseNotReturned {
		pool.Keeper.Tell(messages.Withdraw{Ticket: a.cell.ticket, Attempt: a.number, ReplyTo: a.ref})
	}
}

// missed is what who gives up waiting for a connection has waited for. That
// nobody dials is not enough to say the pool is full: with equal bounds the
// dial ends in the same moment, and its error is on the way.
func missed(pool *messages.PoolStats) rpcerr.Phase {
	if pool.Dialing.Load() == 0 && pool.Open.Load() >= pool.Max.Load() {
		return rpcerr.PhaseAcquire
	}
	return rpcerr.PhaseDial
}

// overdue is the error of an attempt that has used up its time.
func (a *attempt) overdue() error {
	missing, stood := "an answer", ""
	if a.conn == nil {
		missing, stood = "a connection", a.stood()
	}
	return fmt.Errorf("%w: %s without %s (AttemptTimeout)%s", rpcerr.ErrAttemptTimeout, a.cell.plan.AttemptTimeout, missing, stood)
}

// stood says what the dial was at that the attempt has waited for in vain. It
// has a bound of its own, which may be as long and not be heard of.
func (a *attempt) stood() string {
	if pool := a.node.Pool(); pool != nil {
		if doing := pool.Dialing(); doing != "" {
			return ", while " + doing
		}
	}
	return ""
}

func (a *attempt) drop() {
	if a.conn.Shared != nil {
		a.release(false)
		return
	}
	if !planted.LeaseNotReturned {
		a.conn.Pool.Keeper.Tell(messages.Dropped{Conn: a.conn})
	}
	a.conn, a.reply = nil, nil
}

// remaining is what the attempt may still take, 0 for no bound.
func (a *attempt) remaining(now clock.Instant) time.Duration {
	if a.bound == 0 {
		return 0
	}
	return max(a.bound.Sub(now), 1)
}
