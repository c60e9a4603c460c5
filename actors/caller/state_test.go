// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"errors"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/rpcerr"
)

const (
	ms    = time.Millisecond
	start = clock.Instant(time.Second)
)

var errFault = errors.New("fault")

// at is d after the call began.
func at(d time.Duration) clock.Instant { return start.Add(d) }

// begun is a call whose first attempt has started.
func begun(t *testing.T, p *Plan, deadline clock.Instant) *state {
	t.Helper()
	var s state
	if got := s.begin(p, start, deadline); got != stepAttempt {
		t.Fatalf("got step %d, want an attempt", got)
	}
	if slot := s.free(); slot != 0 {
		t.Fatalf("got slot %d for the first attempt, want 0", slot)
	}
	s.start(0, start)
	return &s
}

func TestBegin(t *testing.T) {
	for _, c := range []struct {
		deadline clock.Instant
		want     step
	}{{0, stepAttempt}, {start + 1, stepAttempt}, {start, stepDeadline}, {start - 1, stepDeadline}} {
		var s state
		if got := s.begin(&Plan{Attempts: 1}, start, c.deadline); got != c.want {
			t.Errorf("deadline %d: got step %d, want %d", c.deadline-start, got, c.want)
		}
	}
}

func TestBoundOfAnAttempt(t *testing.T) {
	for _, c := range []struct {
		attempt  time.Duration
		deadline clock.Instant
		want     clock.Instant
	}{{0, 0, 0}, {0, at(50 * ms), at(50 * ms)}, {20 * ms, 0, at(20 * ms)}, {20 * ms, at(50 * ms), at(20 * ms)}, {80 * ms, at(50 * ms), at(50 * ms)}} {
		var s state
		s.begin(&Plan{Attempts: 1, AttemptTimeout: c.attempt}, start, c.deadline)
		if got := s.start(0, start); got != c.want {
			t.Errorf("%s of %d: got bound %d, want %d", c.attempt, c.deadline, got, c.want)
		}
	}
}

func TestEnded(t *testing.T) {
	for _, c := range []struct {
		name    string
		proof   rpcerr.Proof
		final   bool
		err     error
		racing  bool // another attempt is alive
		judging judging
		now     clock.Instant
		want    step
	}{
		{"good", rpcerr.Executed, false, nil, false, noQuestion, at(ms), stepFinish},
		{"good, and another one is alive", rpcerr.Executed, false, nil, true, noQuestion, at(ms), stepFinish},
		{"good at the deadline", rpcerr.Executed, false, nil, false, noQuestion, at(100 * ms), stepFinish},
		{"good, and a question is open", rpcerr.Executed, false, nil, false, aboutHedge, at(ms), stepFinish},
		{"the request is at fault", rpcerr.NotSent, true, errFault, true, noQuestion, at(ms), stepFinish},
		{"not sent", rpcerr.NotSent, false, errFault, false, noQuestion, at(ms), stepJudge},
		{"unknown", rpcerr.SentUnknown, false, errFault, false, noQuestion, at(ms), stepJudge},
		{"an error was answered", rpcerr.Executed, false, errFault, false, noQuestion, at(ms), stepJudge},
		{"an error was answered in a race", rpcerr.Executed, false, errFault, true, noQuestion, at(ms), stepJudge},
		{"a fault in a race", rpcerr.SentUnknown, false, errFault, true, noQuestion, at(ms), stepWait},
		{"a fault at the deadline", rpcerr.SentUnknown, false, errFault, false, noQuestion, at(100 * ms), stepDeadline},
		{"a fault while a question is open", rpcerr.SentUnknown, false, errFault, false, aboutHedge, at(ms), stepWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begun(t, &Plan{Attempts: 3}, at(100*ms))
			if c.racing {
				s.start(1, start)
			}
			s.judging = c.judging
			if got := s.ended(0, c.proof, c.final, c.err, c.now); got != c.want {
				t.Errorf("got step %d, want %d", got, c.want)
			}
			if s.live[0] {
				t.Error("got a live attempt that has ended")
			}
		})
	}
}

func TestJudged(t *testing.T) {
	for _, c := range []struct {
		name     string
		question judging
		alive    int
		again    bool
		after    clock.Instant
		want     step
		resume   clock.Instant
	}{
		{"retry at once", aboutRetry, 0, true, at(0), stepAttempt, 0},
		{"retry later", aboutRetry, 0, true, at(9 * ms), stepWait, at(9 * ms)},
		{"no retry", aboutRetry, 0, false, at(0), stepFinish, 0},
		{"no retry of an answer in a race", aboutRetry, 1, false, at(0), stepFinish, 0},
		{"hedge", aboutHedge, 1, true, at(0), stepAttempt, 0},
		{"no hedge", aboutHedge, 1, false, at(0), stepWait, 0},
		{"no hedge, and the first attempt ended meanwhile", aboutHedge, 0, false, at(0), stepJudge, 0},
		{"hedge, and the first attempt ended meanwhile: that decides", aboutHedge, 0, true, at(0), stepJudge, 0},
		{"both slots are taken", aboutRetry, 2, true, at(0), stepWait, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begun(t, &Plan{Attempts: 3}, at(100*ms))
			s.live = [slots]bool{c.alive > 0, c.alive > 1}
			s.judging = c.question
			if got := s.judged(c.again, c.after, at(0)); got != c.want {
				t.Errorf("got step %d, want %d", got, c.want)
			}
			if s.judging != noQuestion || s.resume != c.resume {
				t.Errorf("got question %d and a backoff until %d, want none and %d", s.judging, s.resume, c.resume)
			}
		})
	}
}

func TestTick(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    *Plan
		prepare func(*state)
		now     clock.Instant
		want    step
		slot    int
	}{
		{"nothing is due", &Plan{Attempts: 1}, nil, at(99 * ms), stepWait, 0},
		{"deadline", &Plan{Attempts: 1}, nil, at(100 * ms), stepDeadline, 0},
		{"the deadline goes before all", &Plan{Attempts: 2, AttemptTimeout: ms, HedgeAfter: ms}, nil, at(100 * ms), stepDeadline, 0},
		{"bound", &Plan{Attempts: 1, AttemptTimeout: 20 * ms}, nil, at(20 * ms), stepExpire, 0},
		{
			"bound of the second slot", &Plan{Attempts: 2, AttemptTimeout: 20 * ms},
			func(s *state) { s.start(1, at(5*ms)); s.live[0] = false }, at(25 * ms), stepExpire, 1,
		},
		{"an attempt that ended has no bound", &Plan{Attempts: 1, AttemptTimeout: 20 * ms}, func(s *state) { s.live[0] = false }, at(30 * ms), stepWait, 0},
		{"backoff", &Plan{Attempts: 2}, func(s *state) { s.live[0] = false; s.resume = at(7 * ms) }, at(7 * ms), stepAttempt, 0},
		{"backoff goes on", &Plan{Attempts: 2}, func(s *state) { s.live[0] = false; s.resume = at(7 * ms) }, at(6 * ms), stepWait, 0},
		{"hedge", &Plan{Attempts: 2, HedgeAfter: 10 * ms}, nil, at(10 * ms), stepHedge, 0},
		{"hedge without an attempt left", &Plan{Attempts: 1, HedgeAfter: 10 * ms}, nil, at(10 * ms), stepWait, 0},
		{"hedge of what ended", &Plan{Attempts: 2, HedgeAfter: 10 * ms}, func(s *state) { s.live[0] = false }, at(10 * ms), stepWait, 0},
		{"hedge while a question is open", &Plan{Attempts: 2, HedgeAfter: 10 * ms}, func(s *state) { s.judging = aboutRetry }, at(10 * ms), stepWait, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begun(t, c.plan, at(100*ms))
			if c.prepare != nil {
				c.prepare(s)
			}
			if got, slot := s.tick(c.now); got != c.want || slot != c.slot {
				t.Errorf("got step %d of slot %d, want %d of %d", got, slot, c.want, c.slot)
			}
		})
	}
}

// A hedge is asked for once.
func TestHedgeOnce(t *testing.T) {
	s := begun(t, &Plan{Attempts: 3, HedgeAfter: 10 * ms}, 0)
	if got, _ := s.tick(at(10 * ms)); got != stepHedge {
		t.Fatalf("got step %d, want a hedge", got)
	}
	if got, _ := s.tick(at(11 * ms)); got != stepWait {
		t.Errorf("got step %d, want to wait", got)
	}
	s.start(s.free(), at(11*ms))
	if s.alive() != 2 || s.hedge != 0 {
		t.Errorf("got %d live attempts and a hedge at %d, want 2 and none", s.alive(), s.hedge)
	}
}

// due is when tick has something to say, not earlier and not later.
func TestDue(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    *Plan
		prepare func(*state)
		want    clock.Instant
	}{
		{"deadline", &Plan{Attempts: 1}, nil, at(100 * ms)},
		{"bound", &Plan{Attempts: 1, AttemptTimeout: 30 * ms}, nil, at(30 * ms)},
		{"hedge", &Plan{Attempts: 2, AttemptTimeout: 30 * ms, HedgeAfter: 20 * ms}, nil, at(20 * ms)},
		{"backoff", &Plan{Attempts: 2, AttemptTimeout: 30 * ms}, func(s *state) { s.live[0] = false; s.resume = at(10 * ms) }, at(10 * ms)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begun(t, c.plan, at(100*ms))
			if c.prepare != nil {
				c.prepare(s)
			}
			if got := s.due(); got != c.want {
				t.Fatalf("got %s, want %s", got.Sub(start), c.want.Sub(start))
			}
			before, after := *s, *s
			if got, _ := before.tick(c.want - 1); got != stepWait {
				t.Errorf("got step %d before it is due, want to wait", got)
			}
			if got, _ := after.tick(c.want); got == stepWait {
				t.Error("got nothing to do when it is due")
			}
		})
	}
	if got := begun(t, &Plan{Attempts: 1}, 0).due(); got != 0 {
		t.Errorf("got %d without any bound, want never", got)
	}
}
