// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/rpcerr"
)

// slots is how many attempts of a call may be alive at once: one, and a hedge
// beside it.
const slots = 2

// state decides what a call does next. It knows attempts by their slot, and
// nothing of actors, nodes or connections.
type state struct {
	plan     *Plan
	began    clock.Instant
	deadline clock.Instant // 0: none
	started  int           // attempts that have begun
	live     [slots]bool
	bound    [slots]clock.Instant // end of a live attempt, 0: none
	resume   clock.Instant        // end of a backoff, 0: none
	hedge    clock.Instant        // when a hedge is due, 0: never
	judging  judging
}

// judging is what the retrier has been asked and has not answered yet.
type judging uint8

const (
	noQuestion judging = iota
	aboutRetry
	aboutHedge
)

// step is what the supervisor has to do next.
type step uint8

const (
	// stepWait: wait for a message or the timer.
	stepWait step = iota
	// stepAttempt: start another attempt.
	stepAttempt
	// stepJudge: ask the retrier about the attempt that has just failed.
	stepJudge
	// stepHedge: ask the retrier whether a hedge may start.
	stepHedge
	// stepExpire: end the attempt in the slot that tick returned; it has used up
	// its time.
	stepExpire
	// stepDeadline: end the call; it has used up its time.
	stepDeadline
	// stepFinish: end the call with the outcome of the last attempt.
	stepFinish
)

// begin starts a call.
func (s *state) begin(p *Plan, now, deadline clock.Instant) step {
	*s = state{plan: p, began: now, deadline: deadline}
	if deadline != 0 && now >= deadline {
		return stepDeadline
	}
	return stepAttempt
}

// free returns a slot without a live attempt.
func (s *state) free() int {
	if s.live[0] {
		return 1
	}
	return 0
}

// alive counts live attempts.
func (s *state) alive() (n int) {
	for _, l := range s.live {
		if l {
			n++
		}
	}
	return n
}

// start records that an attempt begins in slot, and returns its bound.
func (s *state) start(slot int, now clock.Instant) clock.Instant {
	s.started++
	s.resume = 0
	s.live[slot] = true
	bound := s.deadline
	if s.plan.AttemptTimeout > 0 {
		if b := now.Add(s.plan.AttemptTimeout); bound == 0 || b < bound {
			bound = b
		}
	}
	s.bound[slot] = bound
	s.hedge = 0
	if s.plan.HedgeAfter > 0 && s.started < s.plan.Attempts && s.alive() == 1 {
		s.hedge = now.Add(s.plan.HedgeAfter)
	}
	return bound
}

// ended records the end of the attempt in slot.
func (s *state) ended(slot int, proof rpcerr.Proof, final bool, err error, now clock.Instant) step {
	s.live[slot] = false
	switch {
	case err == nil, final:
		return stepFinish
	case s.deadline != 0 && now >= s.deadline:
		return stepDeadline
	case s.judging != noQuestion:
		return stepWait // the retrier's answer decides
	case s.alive() > 0 && proof != rpcerr.Executed:
		return stepWait // the other one may still win
	default:
		return stepJudge // an answer may end the race even if it is an error
	}
}

// judged records the retrier's answer.
func (s *state) judged(again bool, after clock.Instant, now clock.Instant) step {
	question := s.judging
	s.judging = noQuestion
	switch {
	case question == aboutHedge && s.alive() == 0:
		return stepJudge // the question was about a hedge, but the attempt has ended
	case !again && question == aboutHedge:
		return stepWait // the first attempt goes on alone
	case !again:
		return stepFinish
	case s.alive() == slots:
		return stepWait
	case after > now:
		s.resume = after
		return stepWait
	default:
		return stepAttempt
	}
}

// tick returns what is due by now. It is called again until it returns stepWait.
func (s *state) tick(now clock.Instant) (step, int) {
	if s.deadline != 0 && now >= s.deadline && !s.sleeps() {
		return stepDeadline, 0
	}
	for slot, live := range s.live {
		if live && s.bound[slot] != 0 && now >= s.bound[slot] {
			return stepExpire, slot
		}
	}
	if s.resume != 0 && now >= s.resume {
		s.resume = 0
		return stepAttempt, 0
	}
	if s.hedge != 0 && now >= s.hedge {
		s.hedge = 0
		if s.alive() == 1 && s.judging == noQuestion {
			return stepHedge, 0
		}
	}
	return stepWait, 0
}

// due returns the next instant at which tick will return a step, 0 if none.
func (s *state) due() clock.Instant {
	if s.sleeps() {
		return s.resume
	}
	next := s.deadline
	for slot, live := range s.live {
		if live {
			next = clock.Earlier(next, s.bound[slot])
		}
	}
	return clock.Earlier(clock.Earlier(next, s.resume), s.hedge)
}

// sleeps reports whether a backoff goes on beyond the deadline, which happens
// only with the planted bug.
func (s *state) sleeps() bool { return planted.BackoffIgnoresDeadline && s.resume != 0 }
