// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

// rehearsal is one caller that makes one call to a service after another.
type rehearsal struct {
	s    *state
	now  clock.Instant
	dice dice.Dice
	// took is how long the node with this number takes.
	took func(node int, at clock.Instant) time.Duration
}

// call makes n calls, pause apart, and returns how many each node got.
func (r *rehearsal) call(n int, pause time.Duration) []int {
	count := make([]int, len(r.s.members))
	for range n {
		v := r.s.view(messages.SelectorPolicy{}, r.now, nil)
		node := (P2C{}).Pick(v.Ready, nil, &r.dice)
		for i, m := range r.s.members {
			if m.node == node {
				count[i]++
				took := r.took(i, r.now)
				r.now = r.now.Add(took)
				if node.Answered(took) {
					r.s.fold(r.now)
				}
			}
		}
		r.now = r.now.Add(pause)
		r.s.review(r.now)
	}
	return count
}

// Nodes that differ only by noise get even shares from a client with one call at a
// time, however long it goes on: the smallest is at least half of the fair one.
func TestNoiseDoesNotStarve(t *testing.T) {
	noise := dice.NewSource(7).Dice()
	r := &rehearsal{s: fleet(4), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(int, clock.Instant) time.Duration {
		took := time.Millisecond + time.Duration(noise.N(200))*time.Microsecond
		if noise.N(500) == 0 {
			took += 50 * time.Millisecond // somebody collects garbage
		}
		return took
	}
	const calls = 40_000
	for i, n := range r.call(calls, 0) {
		if n < calls/8 {
			t.Errorf("got %d of %d calls at node %d, want at least half of a quarter", n, calls, i)
		}
	}
}

// A node that was slow for a while is found out to be well again: what was
// observed loses its weight with the time constant, also when nobody calls.
func TestSlowNodeIsForgiven(t *testing.T) {
	r := &rehearsal{s: fleet(2), now: start, dice: dice.NewSource(1).Dice()}
	bad := start.Add(5 * time.Second)
	r.took = func(node int, at clock.Instant) time.Duration {
		if node == 0 && at < bad {
			return 100 * time.Millisecond
		}
		return time.Millisecond
	}
	r.s.node("n0").Answered(100 * time.Millisecond)
	r.s.node("n1").Answered(time.Millisecond)
	r.s.fold(r.now)
	if got := r.call(1000, time.Millisecond)[0]; got > 10 {
		t.Errorf("got %d of 1000 calls at the slow node, want next to none", got)
	}
	r.call(60_000, time.Millisecond) // two minutes
	if got := r.call(1000, time.Millisecond)[0]; got < 250 {
		t.Errorf("got %d of 1000 calls at the node that is well again, want about half", got)
	}
}

// A node that stays slow is tried again now and then, not more: its first
// answer tells.
func TestSlowNodeIsTriedRarely(t *testing.T) {
	r := &rehearsal{s: fleet(2), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(node int, _ clock.Instant) time.Duration {
		if node == 0 {
			return 100 * time.Millisecond
		}
		return time.Millisecond
	}
	r.s.node("n0").Answered(100 * time.Millisecond)
	r.s.node("n1").Answered(time.Millisecond)
	r.s.fold(r.now)
	got := r.call(100_000, time.Millisecond)[0]
	if got == 0 || got > 100 {
		t.Errorf("got %d of 100000 calls at the slow node, want a few", got)
	}
}

// A node that joins others, or comes back from ejection, gets a tenth of its
// share at first and all of it once the window is over.
func TestNodesWarmUp(t *testing.T) {
	for name, cold := range map[string]func(*state){
		"new": func(s *state) { s.replace(list("n0", "n1", "n2"), messages.SelectorPolicy{Transport: "http"}) },
		"back": func(s *state) {
			s.replace(list("n0", "n1", "n2"), messages.SelectorPolicy{Transport: "http"})
			s.review(start.Add(-2 * warmWindow))
			s.review(start.Add(-warmWindow))
			faults(s, "n2", faultsToEject, start.Add(-warmWindow))
			s.review(start)
			s.node("n2").Answered(time.Millisecond)
			s.fold(start)
		},
	} {
		s := newState("n0", "n1")
		cold(s)
		changed, next := s.review(start)
		if changed || next != start.Add(warmEvery) {
			t.Errorf("%s: got %t and %d, want no change and another look after %s", name, changed, next, warmEvery)
		}
		d := dice.NewSource(1).Dice()
		share := func() (n int) {
			for range 30_000 {
				if (P2C{}).Pick(s.view(messages.SelectorPolicy{}, start, nil).Ready, nil, &d) == s.node("n2") {
					n++
				}
			}
			return n
		}
		if got := share(); got < 800 || got > 1200 {
			t.Errorf("%s: got %d of 30000 picks at first, want about 1000", name, got)
		}
		s.review(start.Add(warmWindow / 2))
		if got := share(); got < 4000 || got > 6000 {
			t.Errorf("%s: got %d of 30000 picks after half of the window, want about 5000", name, got)
		}
		if _, next = s.review(start.Add(warmWindow)); next != 0 {
			t.Errorf("%s: got another look at %d, want none", name, next)
		}
		if got := share(); got < 9000 || got > 11000 {
			t.Errorf("%s: got %d of 30000 picks in the end, want about 10000", name, got)
		}
	}
}

// The first list of a service is not cold: there is nobody else.
func TestFirstNodesAreWarm(t *testing.T) {
	s := newState("a", "b")
	if got := s.node("a").Share(); got != messages.FullShare {
		t.Errorf("got a share of %d, want %d", got, messages.FullShare)
	}
}

// A new node is expected to be as fast as the others are.
func TestNewNodeStartsWithTheTypicalLatency(t *testing.T) {
	s := newState("a", "b")
	s.node("a").Answered(20 * time.Millisecond)
	s.fold(start)
	if got := s.node("b").Weight(); got != costs(20*time.Millisecond) {
		t.Errorf("got %.0f for a node that nothing is known of, want 20 ms", got)
	}
	s.replace(list("a", "b", "c"), messages.SelectorPolicy{Transport: "http"})
	if got := s.node("c").Weight(); got != costs(20*time.Millisecond) {
		t.Errorf("got %.0f for a new node, want 20 ms", got)
	}
}

// The loser of a race took at least as long as it ran.
func TestOutrun(t *testing.T) {
	s := newState("a", "b")
	s.node("a").Answered(10 * time.Millisecond)
	s.fold(start)
	s.outrun(s.node("a"), 5*time.Millisecond, start)
	if got := s.node("a").Weight(); got != costs(10*time.Millisecond) {
		t.Errorf("got %.0f after a short race, want 10 ms", got)
	}
	s.outrun(s.node("a"), 50*time.Millisecond, start)
	if got := s.node("a").Weight(); got != costs(50*time.Millisecond) {
		t.Errorf("got %.0f after a long race, want 50 ms", got)
	}
	s.outrun(newState("z").node("z"), time.Second, start) // nobody knows it
}

// Failures of a while ago fade as well, though the node was not ejected for
// them.
func TestFailuresFade(t *testing.T) {
	s := newState("a", "b")
	faults(s, "a", faultsToEject-1, start)
	before := s.node("a").Weight()
	s.node("b").Answered(time.Millisecond)
	s.fold(start.Add(5 * latencyTau))
	if got := s.node("a").Weight(); got > 1.01*costs(time.Millisecond) || got >= before {
		t.Errorf("got %.0f after five time constants, from %.0f, want about that of a node without faults", got, before)
	}
}

// A client with one call at a time tries an ejected node again when its ejection
// ends: its past faults must not keep it from being probed.
func TestEjectedNodeIsProbed(t *testing.T) {
	r := &rehearsal{s: fleet(2), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(int, clock.Instant) time.Duration { return time.Millisecond }
	r.call(1000, 0)
	faults(r.s, "n0", faultsToEject, r.now)
	if got := r.call(100, 0)[0]; got != 0 {
		t.Errorf("got %d calls at the ejected node, want none", got)
	}
	r.now = r.now.Add(ejectBase)
	r.s.review(r.now)
	if got := r.call(100, 0)[0]; got == 0 {
		t.Error("got no call at the node that waits for its probe, want one")
	}
}
