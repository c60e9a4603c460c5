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
// runs the exchange on it, and reports which phase it reached and what that
// proves. It is never restarted: that would send the request twice.
type attempt struct {
	cell *cell
	slot int
	ref  messages.Ref[messages.AttemptMessage]

	node      *messages.Node
	conn      *messages.Conn
	pooled    bool               // conn was taken from the pool without a look at it
	request   *transport.Message // only while it is needed, see borrow
	reply     *transport.Message
	begun     clock.Instant
	bound     clock.Instant
	number    int // in the call, from 1
	hedge     bool
	holding   bool // the attempt counts in the node's InFlight
	phase     rpcerr.Phase
	flying    bool             // an exchange runs on another goroutine
	job       *job             // that exchange, unless the connection is async
	begunAs   uint64           // the async connection's id of that exchange
	sent      clock.Instant    // when the exchange began, after the dial
	replySlot replySlot        // where the reply of an async exchange lands
	stream    transport.Stream // the stream that was opened
	report    messages.AttemptEnded

	seen watchedAttempt
}

// watchedAttempt is what the inspector reads of a live attempt.
type watchedAttempt struct {
	node  atomic.Pointer[messages.Node]
	shown // the place is a rpcerr.Phase, or noAttempt
}

// noAttempt is the phase shown for a slot without a live attempt.
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
			a.replySlot.loan = m.Reply.Loan
			a.answered(m.Err)
		}
	}
}

// hold counts the attempt in the node's InFlight; letGo takes it off again and
// shows next as the attempt's place.
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

// answered handles the end of an exchange and decides what it proves.
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
		err = a.replyError(told)
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
		a.refused(err)
	case errors.Is(err, transport.ErrTooLarge) && (a.phase == rpcerr.PhaseSend || errors.Is(err, transport.ErrNotSent)):
		a.enter(rpcerr.PhaseSend) // a parallel exchange is in phase wait from its beginning
		a.refused(wrapTooLarge(err))
	case errors.Is(err, transport.ErrNotSent) && errors.Is(err, os.ErrDeadlineExceeded):
		a.end(rpcerr.NotSent, false, a.cell.timeoutError(a, "before the request was sent"))
	case errors.Is(err, transport.ErrNotSent):
		a.end(rpcerr.NotSent, false, err)
	case errors.Is(err, transport.ErrTooLarge):
		a.end(rpcerr.Executed, true, wrapTooLarge(err))
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.end(rpcerr.SentUnknown, false, partly(a.cell.timeoutError(a, "without an answer"), err))
	case errors.Is(err, transport.ErrComplete):
		a.release(true)
		a.end(rpcerr.SentUnknown, false, err)
	default:
		a.end(rpcerr.SentUnknown, false, err)
	}
}

// refused ends an attempt whose message its transport refuses, as it would for every
// other node. The connection is kept if nothing was written to it.
func (a *attempt) refused(err error) {
	a.release(errors.Is(err, transport.ErrNotSent))
	a.end(rpcerr.NotSent, true, err)
}

// partly adds what a broker reported, which subscribers got the message and
// which did not, to the error of a call that ran out of time.
func partly(over, err error) error {
	if partial, is := errors.AsType[*broker.PartialError](err); is {
		return &partlyError{over, partial}
	}
	return over
}

// partlyError has two causes, of which errors.Is sees only the first: the other
// says how the publishing was cut off, which may match another bound than the one
// that was reached, or context.Canceled.
type partlyError struct {
	over    error
	partial *broker.PartialError
}

func (e *partlyError) Error() string { return e.over.Error() + ": " + e.partial.Error() }

func (e *partlyError) Unwrap() error { return e.over }

func (e *partlyError) As(target any) bool {
	to, is := target.(**broker.PartialError)
	if is {
		*to = e.partial
	}
	return is
}

// misplaced reports whether err says that the reply answers another request.
// Then the outcome of this one is unknown and the connection is out of sync.
func misplaced(err error) bool { return errors.Is(err, transport.ErrProtocol) }

// replyError returns the error that the reply carries, if any. told is the error
// that the transport itself has reported, nil for none.
func (a *attempt) replyError(told error) (err error) {
	defer guard.Catch("codec", &err)
	return a.cell.exchange.ReplyError(a.reply, a.node, told)
}

// end reports to the supervisor. After a good reply the connection is kept
// until the reply has been decoded; otherwise it is released now.
func (a *attempt) end(proof rpcerr.Proof, final bool, err error) {
	if err != nil {
		a.release(proof == rpcerr.Executed)
	}
	a.report = messages.AttemptEnded{Slot: a.slot, Phase: a.phase, Proof: proof, Final: final, Err: err}
	a.cell.tell(toSupervisor, &a.report)
}

// abandon ends the attempt for its supervisor and reports the phase that it was
// in. The exchange is cancelled on the wire: nothing more of it is written, and
// a reply that still arrives is dropped.
//
// It is a method call and not a message because both actors belong to one cell,
// which one goroutine runs, and the supervisor needs the result at once.
func (a *attempt) abandon(err error) *messages.AttemptEnded {
	proof := rpcerr.NotSent
	switch {
	case a.conn == nil:
		a.withdraw()
	case a.flying:
		a.flying = false
		proof = rpcerr.SentUnknown
		if a.conn.Async != nil {
			a.replySlot.shut(a.token())
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

// overdue returns the error of an attempt that has used up its time.
func (a *attempt) overdue() error {
	missing, step := "an answer", ""
	if a.conn == nil {
		missing, step = "a connection", a.dialStep()
	}
	return fmt.Errorf("%w: %s without %s (AttemptTimeout)%s", rpcerr.ErrAttemptTimeout, a.cell.plan.AttemptTimeout, missing, step)
}

// remaining returns the time that the attempt has left, 0 for no bound.
func (a *attempt) remaining(now clock.Instant) time.Duration {
	if a.bound == 0 {
		return 0
	}
	return max(a.bound.Sub(now), 1)
}
