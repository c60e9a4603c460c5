// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// supervisor is the actor that owns a call: it picks nodes, starts attempts and
// ends the call at its deadline at the latest. What to do next is decided by
// state.
type supervisor struct {
	cell    *cell
	state   state
	service *messages.Service
	tried   []*messages.Node
	log     []rpcerr.Attempt
	ended   messages.AttemptEnded // the failure that the retrier is asked about
	fatal   error                 // set by Cancel and by the user's retry function
	pushed  int                   // attempts begun when a server last sent a pushback
	asked   clock.Instant         // when the nodes of the service were last asked for

	done bool
	err  error // the outcome
	won  int   // the slot that answered, -1 if none did
}

// receive is one turn of the supervisor.
func (s *supervisor) receive(m messages.SupervisorMessage) {
	if s.done {
		return
	}
	now := s.cell.now
	switch m := m.(type) {
	case *messages.Begin:
		next := s.state.begin(s.cell.plan, now, s.cell.deadline)
		s.state.began = s.cell.began() // earlier than now: the request was encoded since
		if next == stepDeadline && s.state.began < s.cell.deadline {
			s.finish(fmt.Errorf("%w, while the request was encoded", s.deadlineError()), now)
			return
		}
		s.follow(next, now)
	case *messages.AttemptEnded:
		s.attemptEnded(m, now)
	case messages.Resolved:
		s.resolved(m, now)
	case messages.Judged:
		s.judged(m, now)
	case *messages.Tick:
		s.tick(now)
	case messages.Cancel:
		s.fatal = m.Err
		s.finish(m.Err, now)
	}
}

// follow does what the state decided.
func (s *supervisor) follow(next step, now clock.Instant) {
	switch next {
	case stepWait:
	case stepAttempt:
		s.attempt(now)
	case stepJudge:
		s.judge(now)
	case stepHedge:
		s.judgeHedge(now)
	case stepDeadline:
		s.finish(s.deadlineError(), now)
	case stepFinish:
		decisive := len(s.log)
		s.finish(s.ended.Err, now)
		s.conclude(decisive)
	case stepExpire: // handled by tick, which knows the slot
	}
}

func (s *supervisor) tick(now clock.Instant) {
	for !s.done {
		next, slot := s.state.tick(now)
		if next == stepExpire {
			a := &s.cell.attempts[slot]
			s.attemptEnded(a.abandon(a.overdue()), now)
			continue
		}
		s.follow(next, now)
		if next == stepWait {
			return
		}
	}
}

// attempt starts the next attempt in a free slot, once there is a node for it.
func (s *supervisor) attempt(now clock.Instant) {
	node, err := s.pick()
	switch {
	case err != nil:
		s.record(&rpcerr.Attempt{Phase: rpcerr.PhasePick, Start: now.Sub(s.state.began), Err: err})
		s.finish(err, now)
		return
	case node == nil:
		return // the service is being resolved; Resolved continues here
	}
	slot := s.state.free()
	a := &s.cell.attempts[slot]
	a.hedge = s.state.alive() > 0
	a.begun = now
	a.bound = s.state.start(slot, now)
	a.number = s.state.started
	a.hold(node)
	s.tried = append(s.tried, node)
	s.cell.tell(slot, &s.cell.try)
}

func (s *supervisor) resolved(m messages.Resolved, now clock.Instant) {
	if m.Err != nil {
		s.record(&rpcerr.Attempt{Phase: rpcerr.PhasePick, Start: s.asked.Sub(s.state.began), Duration: now.Sub(s.asked), Err: m.Err})
		s.finish(m.Err, now)
		return
	}
	s.service = m.Service
	s.attempt(now)
}

func (s *supervisor) attemptEnded(m *messages.AttemptEnded, now clock.Instant) {
	a := &s.cell.attempts[m.Slot]
	switch {
	case m.Err == nil && s.cell.plan.Stream:
		s.won = m.Slot // the stream still counts in the node's InFlight
	case m.Err == nil:
		s.mark(a, m, now)
		s.won = m.Slot
		a.letGo(uint32(rpcerr.PhaseDecode))
	default:
		s.mark(a, m, now)
		a.letGo(noAttempt)
		s.record(&rpcerr.Attempt{
			Node: a.node.Address, Phase: m.Phase, Proof: m.Proof, Hedge: a.hedge,
			Start: a.begun.Sub(s.state.began), Duration: now.Sub(a.begun), Err: m.Err,
		})
	}
	s.ended = *m
	next := s.state.ended(m.Slot, m.Proof, m.Final, m.Err, now)
	switch {
	case m.Err != nil && s.cell.ctx.Err() != nil:
		s.finish(partly(s.contextError(), m.Err), now)
	case next == stepDeadline:
		s.finish(partly(s.deadlineError(), m.Err), now)
	default:
		s.follow(next, now)
	}
}

// mark tells the selector how an attempt at a node ended. Only faults of the
// node or of the connection to it are reported, never those of the client. The
// time that dialling took is not part of the node's latency.
func (s *supervisor) mark(a *attempt, m *messages.AttemptEnded, now clock.Instant) {
	n := a.node
	switch {
	case m.Proof == rpcerr.Executed:
		s.service.Tally(n, now.Sub(a.sent), now)
	case m.Final, m.Phase < rpcerr.PhaseDial, s.cell.cancelled(), exhausted(m.Err):
	default:
		refused := m.Phase == rpcerr.PhaseDial && !rpcerr.IsTimeout(m.Err)
		s.service.Selector.Tell(messages.Mark{Node: n, Err: m.Err, Refused: refused})
	}
}

// exhausted reports whether this machine has run out of file descriptors or of
// memory for sockets: then every node fails, and none is to blame.
func exhausted(err error) bool {
	for _, lack := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// judge asks whether another attempt may follow the one that just ended.
func (s *supervisor) judge(now clock.Instant) {
	wish, backoff, err := s.cell.retry(s.state.started, s.ended.Err)
	if err != nil {
		s.decide("stop: the retry function failed")
		s.finish(err, now)
		return
	}
	s.state.judging = aboutRetry
	c := messages.Case{
		Proof: s.ended.Proof, Wanted: wish, Backoff: backoff,
		Pushback: transport.PushbackOf(s.ended.Err), Pushed: s.pushed,
	}
	if c.Pushback > 0 {
		s.pushed = s.state.started
	}
	s.ask(c, now)
}

func (s *supervisor) judgeHedge(now clock.Instant) {
	s.state.judging = aboutHedge
	s.ask(messages.Case{Hedge: true, Backoff: -1}, now)
}

func (s *supervisor) ask(c messages.Case, now clock.Instant) {
	plan := s.cell.plan
	c.Idempotent = plan.Idempotent
	c.Attempts, c.Max = s.state.started, plan.Attempts
	c.Base, c.Cap = plan.BackoffBase, plan.BackoffCap
	c.OtherNode, c.NoAddress = s.otherNode(), s.noAddress()
	if s.state.deadline != 0 {
		c.Remaining = max(s.state.deadline.Sub(now), 1)
	}
	s.cell.desk.Retrier.Tell(messages.Judge{
		Ticket: s.cell.ticket, ReplyTo: s.cell.ref, Service: s.service, Case: c,
	})
}

func (s *supervisor) judged(m messages.Judged, now clock.Instant) {
	if s.state.judging == noQuestion {
		return
	}
	hedge := s.state.judging == aboutHedge
	if !hedge {
		s.decide(m.Why)
	}
	next := s.state.judged(m.Again, now.Add(m.After), now)
	if s.state.resume != 0 {
		s.cell.seen.enter(inBackoff)
	}
	switch {
	case !m.Again:
	case next == stepJudge:
		s.cell.refund(m) // before the retrier is asked about the failure
	case hedge:
		s.cell.desk.Counters.Hedges.Add(1)
	default:
		s.cell.desk.Counters.Retries.Add(1)
	}
	s.follow(next, now)
}

// finish ends the call and abandons the attempts that are still alive.
func (s *supervisor) finish(err error, now clock.Instant) {
	for slot, live := range s.state.live {
		if !live {
			continue
		}
		if planted.LoserNotCancelled && err == nil {
			s.cell.attempts[slot].letGo(noAttempt)
			continue
		}
		a := &s.cell.attempts[slot]
		m := a.abandon(err)
		if err == nil {
			s.service.Selector.Tell(messages.Outrun{Node: a.node, After: now.Sub(a.begun)})
		} else {
			s.mark(a, m, now)
			s.record(&rpcerr.Attempt{
				Node: a.node.Address, Phase: m.Phase, Proof: m.Proof, Hedge: a.hedge,
				Start: a.begun.Sub(s.state.began), Duration: now.Sub(a.begun), Err: err,
				Decision: "stop: the call is over",
			})
		}
		a.letGo(noAttempt)
	}
	if err != nil && len(s.log) == 0 {
		// The call ended before its first attempt, while a node was being chosen.
		took := now.Sub(s.state.began)
		if _, stage := s.cell.seen.at(); stage == inLookup {
			err = fmt.Errorf("%w, while the nodes of %s were looked up", err, s.cell.plan.Service)
		}
		s.record(&rpcerr.Attempt{Phase: rpcerr.PhasePick, Duration: took, Err: err, Decision: "stop: the call is over"})
	}
	s.state.live = [slots]bool{}
	s.done = true
	s.err = err
	if err != nil {
		s.won = -1
	}
}

// conclude moves the attempt that has ended the call, the last of the first n, behind
// those that were alive then, because the text of the error names the last node.
func (s *supervisor) conclude(n int) {
	if n == 0 || n == len(s.log) {
		return
	}
	decisive := s.log[n-1]
	copy(s.log[n-1:], s.log[n:])
	s.log[len(s.log)-1] = decisive
}

// refuse ends a call whose request could not be encoded.
func (s *supervisor) refuse(err error) {
	s.done, s.err, s.won = true, err, -1
}

// deadlineError returns the error that says which bound ended the call, and whether
// it was still waiting for a connection, and why.
func (s *supervisor) deadlineError() error {
	bound := ctxerr.DeadlineReached
	if !s.cell.fromContext {
		bound = fmt.Sprintf("%s are over (RequestTimeout)", s.cell.plan.Timeout)
	}
	if a := s.unconnected(); a != nil {
		bound += ", before there was a connection" + a.dialStep()
	}
	return fmt.Errorf("%w: %s", context.DeadlineExceeded, bound)
}

// unconnected returns the first live attempt if all of them are still waiting for a
// connection, else nil.
func (s *supervisor) unconnected() (first *attempt) {
	for slot, live := range s.state.live {
		a := &s.cell.attempts[slot]
		switch {
		case !live:
		case a.phase > rpcerr.PhaseDial:
			return nil
		case first == nil:
			first = a
		}
	}
	return first
}

// contextError says how the caller's context ended the call.
func (s *supervisor) contextError() error {
	if errors.Is(s.cell.ctx.Err(), context.DeadlineExceeded) {
		return s.deadlineError()
	}
	return ctxerr.Cancelled(s.cell.ctx)
}

func (s *supervisor) record(a *rpcerr.Attempt) { s.log = append(s.log, *a) }

// decide records the retrier's decision on the attempt that ended last.
func (s *supervisor) decide(why string) {
	if n := len(s.log); n > 0 && s.log[n-1].Decision == "" {
		s.log[n-1].Decision = why
	}
}

// reset prepares the supervisor for another call. It drops all references to
// nodes, so that removed ones can be garbage collected.
func (s *supervisor) reset() {
	clear(s.tried)
	s.tried = s.tried[:0]
	s.service = nil
	s.log = nil
	s.ended = messages.AttemptEnded{}
	s.fatal, s.err = nil, nil
	s.done, s.won, s.pushed = false, -1, 0
}
