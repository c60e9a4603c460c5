// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

// traffic is calls that come at a steady pace to nodes of which some are slow
// for a while, and go on although others have not come back.
type traffic struct {
	s      *state
	now    clock.Instant
	dice   dice.Dice
	folded clock.Instant
	flying []flight
	// took is how long the node with this number takes.
	took func(node int, at clock.Instant) time.Duration
}

type flight struct {
	node *messages.Node
	took time.Duration
	end  clock.Instant
}

// call makes n calls, pause apart, and returns how many each node got.
func (r *traffic) call(n int, pause time.Duration) []int {
	nodes := members(r.s)
	count := make([]int, len(nodes))
	for range n {
		r.now = r.now.Add(pause)
		r.land()
		node := (P2C{}).Pick(nodes, nil, &r.dice)
		i := slices.Index(nodes, node)
		count[i]++
		took := r.took(i, r.now)
		node.InFlight.Add(1)
		r.flying = append(r.flying, flight{node, took, r.now.Add(took)})
	}
	return count
}

// land tells the answers of the calls that are back, as callers do.
func (r *traffic) land() {
	r.flying = slices.DeleteFunc(r.flying, func(f flight) bool {
		if f.end > r.now {
			return false
		}
		f.node.InFlight.Add(-1)
		if f.node.Answered(f.took) || r.now.Sub(r.folded) >= 100*time.Millisecond {
			r.s.fold(r.now)
			r.folded = r.now
		}
		return true
	})
}

const quick, slow = 300 * time.Microsecond, 60 * time.Millisecond

// late makes calls, one every 500 us, and returns how many met a slow node.
func (r *traffic) late(calls int) (n int) {
	for range calls {
		r.call(1, 500*time.Microsecond)
		if r.flying[len(r.flying)-1].took == slow {
			n++
		}
	}
	return n
}

// One node after the other becomes slow for a moment, and two of five are at any
// time. Those that are well again are trusted soon enough for the slow ones to
// show in less than one call of a hundred.
func TestSlowMomentsStayOutOfTheTail(t *testing.T) {
	const turn = 800 * time.Millisecond
	r := &traffic{s: fleet(5), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(node int, at clock.Instant) time.Duration {
		phase := int(at.Sub(start) / turn)
		if node == phase%5 || node == (phase+2)%5 {
			return slow
		}
		return quick
	}
	const calls = 100_000
	if late := r.late(calls); late > calls/100 {
		t.Errorf("got %d of %d calls at a slow node, want less than 1 %%", late, calls)
	}
}

// A slow answer is told at once. Until there is one, what is in flight at the
// node speaks against it, also beside others that were slow before it.
func TestCallsDoNotPileUp(t *testing.T) {
	r := &traffic{s: fleet(5), now: start, dice: dice.NewSource(1).Dice()}
	turned := start.Add(5 * time.Second)
	r.took = func(node int, at clock.Instant) time.Duration {
		if (node > 2) == (at < turned) && node > 0 {
			return slow
		}
		return quick
	}
	r.call(10_000, 500*time.Microsecond)
	if got := r.call(1000, 500*time.Microsecond); got[1]+got[2] > 50 {
		t.Errorf("got %v calls at the nodes, want few at the second and the third, which became slow", got)
	}
}

// A node that stays slow is tried by one call at a time, and by less than one of
// five hundred.
func TestSlowNodeIsTriedByOneCall(t *testing.T) {
	r := &traffic{s: fleet(3), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(node int, _ clock.Instant) time.Duration {
		if node == 0 {
			return slow
		}
		return quick
	}
	r.call(5000, 20*time.Microsecond)
	const calls = 500_000
	tries := 0
	for range calls {
		tries += r.call(1, 20*time.Microsecond)[0]
		if at := r.s.node("n0").InFlight.Load(); tries > 0 && at > 1 {
			t.Fatalf("got %d calls at the slow node at once, want one", at)
		}
	}
	if tries == 0 || tries > calls/500 {
		t.Errorf("got %d of %d calls at the slow node, want a few", tries, calls)
	}
}

// A node that is well again is found out within seconds on a busy service.
func TestBusyServiceForgivesSoon(t *testing.T) {
	r := &traffic{s: fleet(2), now: start, dice: dice.NewSource(1).Dice()}
	well := start.Add(time.Second)
	r.took = func(node int, at clock.Instant) time.Duration {
		if node == 0 && at < well {
			return slow
		}
		return quick
	}
	r.call(2000, 500*time.Microsecond)
	r.call(4000, 500*time.Microsecond)
	if got := r.call(1000, 500*time.Microsecond)[0]; got < 250 {
		t.Errorf("got %d of 1000 calls at the node that is well again, want about half", got)
	}
}

// A client that calls rarely has few and noisy answers to go by. No node is avoided
// because of that.
func TestNoiseAtASlowPace(t *testing.T) {
	noise := dice.NewSource(7).Dice()
	r := &traffic{s: fleet(4), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(int, clock.Instant) time.Duration {
		took := quick + time.Duration(noise.N(600))*time.Microsecond
		if noise.N(200) == 0 {
			took += 5 * time.Millisecond // somebody collects garbage
		}
		return took
	}
	const calls = 600
	for i, n := range r.call(calls, 20*time.Millisecond) {
		if n < calls/8 {
			t.Errorf("got %d of %d calls at node %d, want at least half of a quarter", n, calls, i)
		}
	}
}

// Where calls take microseconds a node is not left behind because the first ones
// took as long as a busy machine makes them.
func TestNoiseOfFirstCalls(t *testing.T) {
	const calls, held = 200, 2
	r := &traffic{s: fleet(4), now: start, dice: dice.NewSource(1).Dice()}
	var asked [4]int
	r.took = func(node int, _ clock.Instant) time.Duration {
		if asked[node]++; node < 2 && asked[node] <= held {
			return 700 * time.Microsecond
		}
		return 20 * time.Microsecond
	}
	for i, n := range r.call(calls, time.Millisecond) {
		if n < calls/8 {
			t.Errorf("got %d of %d calls at node %d, want at least half of a quarter", n, calls, i)
		}
	}
}

// Between nodes without a call it is the dice that decide, and what the calls
// cost there are the odds: who is half as fast again gets less, not nothing.
func TestOddsOfIdleNodes(t *testing.T) {
	for _, c := range []struct {
		times       int // tenths of what the others take
		least, most int // of 12000 calls at three nodes
	}{
		{10, 3600, 4400},
		{15, 1800, 3200},
		{30, 300, 1200},
		{100, 0, 200},
	} {
		r := &traffic{s: fleet(3), now: start, dice: dice.NewSource(1).Dice()}
		const usual = 3 * time.Millisecond // far more than noise
		r.took = func(node int, _ clock.Instant) time.Duration {
			if node == 0 {
				return usual * time.Duration(c.times) / 10
			}
			return usual
		}
		r.call(1000, 10*time.Millisecond)
		if got := r.call(12_000, 10*time.Millisecond); got[0] < c.least || got[0] > c.most {
			t.Errorf("%d/10: got %v calls, want %d to %d at the first", c.times, got, c.least, c.most)
		}
	}
}

// Where the only other node was slow until a moment ago, it is tried before
// calls pile up at the one that has just become slow.
func TestNodesTakeTurnsAtBeingSlow(t *testing.T) {
	const turn = 800 * time.Millisecond
	r := &traffic{s: fleet(2), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(node int, at clock.Instant) time.Duration {
		if node == int(at.Sub(start)/turn)%2 {
			return slow
		}
		return quick
	}
	const calls = 50_000
	if late := r.late(calls); late > calls/50 {
		t.Errorf("got %d of %d calls at a slow node, want less than 2 %%", late, calls)
	}
}

// Calls that come many at a time are many at the good nodes as well: that is no
// reason to try the slow one each time.
func TestBurstsSpareTheSlowNode(t *testing.T) {
	r := &traffic{s: fleet(3), now: start, dice: dice.NewSource(1).Dice()}
	r.took = func(node int, _ clock.Instant) time.Duration {
		if node == 0 {
			return slow
		}
		return quick
	}
	r.call(2000, 500*time.Microsecond)
	const bursts, calls = 2000, 20
	tries := 0
	for range bursts {
		tries += r.call(calls, 0)[0]
		r.call(1, 100*time.Millisecond)
	}
	if tries == 0 || tries > bursts*calls/100 {
		t.Errorf("got %d of %d calls at the slow node, want a few", tries, bursts*calls)
	}
}

// Another attempt looks for a node that is well, too.
func TestAnotherAttemptSparesTheSlowNode(t *testing.T) {
	s := fleet(4)
	for _, m := range s.members {
		m.node.Answered(quick)
	}
	s.fold(start)
	s.node("n1").SetWeight(float64(slow))
	s.node("n2").SetWeight(float64(slow))
	d, tried := dice.NewSource(1).Dice(), []*messages.Node{s.node("n0")}
	for range 1000 {
		if got := (P2C{}).Pick(members(s), tried, &d); got != s.node("n3") {
			t.Fatalf("got %s, want the one that is well and was not tried", got.ID)
		}
	}
}

// A node that answers far better than is expected of it need not wait longer
// until it is tried again.
func TestGoodAnswerDoesNotDelayTheNextTry(t *testing.T) {
	s := fleet(2)
	answer := func(id string, n int, took time.Duration, at clock.Instant) {
		for range n {
			s.node(id).Answered(took)
		}
		s.fold(at)
	}
	answer("n0", 1, slow, start)
	answer("n1", tryAgain, quick, start)
	answer("n0", 1, quick, start.Add(tryAgainAfter-1))
	answer("n1", tryAgain, quick, start.Add(tryAgainAfter))
	if !s.node("n0").Doubt.Load() || s.node("n0").Latency() > 2*quick {
		t.Errorf("got %s expected of it, want it to be tried again", s.node("n0").Latency())
	}
}
