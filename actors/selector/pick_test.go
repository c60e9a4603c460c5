// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

func pickers() map[string]messages.Picker {
	return map[string]messages.Picker{"p2c": P2C{}, "random": Random{}, "round robin": &RoundRobin{}}
}

func fleet(n int) *state {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("n", i))
	}
	return newState(all...)
}

func members(s *state) (nodes []*messages.Node) {
	for _, m := range s.members {
		nodes = append(nodes, m.node)
	}
	return nodes
}

func TestPickOfFew(t *testing.T) {
	d := dice.NewSource(1).Dice()
	one, two := members(fleet(1)), members(fleet(2))
	for name, p := range pickers() {
		for range 50 {
			if got := p.Pick(nil, nil, &d); got != nil {
				t.Fatalf("%s: got %s of none, want nil", name, got.Address)
			}
			if got := p.Pick(one, one, &d); got != one[0] {
				t.Fatalf("%s: got %v, want the only node though it was tried", name, got)
			}
			if got := p.Pick(two, two[:1], &d); got != two[1] {
				t.Fatalf("%s: got %s, want the node that was not tried", name, got.Address)
			}
			if got := p.Pick(two, two, &d); !slices.Contains(two, got) {
				t.Fatalf("%s: got %v when all were tried, want one of them", name, got)
			}
		}
	}
}

// A tried node is avoided, however many nodes there are, by each strategy.
func TestPickAvoidsTried(t *testing.T) {
	for _, n := range []int{2, 3, 5, 20} {
		nodes := members(fleet(n))
		for name, p := range pickers() {
			for seed := range uint64(50) {
				d := dice.NewSource(seed).Dice()
				for k := 1; k < n; k++ {
					if got := p.Pick(nodes, nodes[:k], &d); slices.Contains(nodes[:k], got) {
						t.Fatalf("%s: got a tried node, %d of %d were", name, k, n)
					}
				}
			}
		}
	}
}

// A node on probation gets one call at a time, while others can be chosen.
func TestPickOfAProbedNode(t *testing.T) {
	nodes := members(fleet(3))
	nodes[0].Health.Store(uint32(messages.Probing))
	for name, p := range pickers() {
		d := dice.NewSource(1).Dice()
		nodes[0].InFlight.Store(1)
		for range 200 {
			if got := p.Pick(nodes, nil, &d); got == nodes[0] {
				t.Fatalf("%s: got the node that is being probed", name)
			}
		}
		nodes[0].InFlight.Store(0)
		if !slices.ContainsFunc(make([]int, 200), func(int) bool { return p.Pick(nodes, nil, &d) == nodes[0] }) {
			t.Errorf("%s: got no call for a node that waits for its probe", name)
		}
	}
}

// Equal nodes get equal shares: the sum of squared deviations stays below the
// 99.9 % quantile of chi-square with 9 degrees of freedom.
func TestFairness(t *testing.T) {
	const picks, quantile = 100_000, 27.88
	for name, p := range pickers() {
		nodes := members(fleet(10))
		d := dice.NewSource(4).Dice()
		count := make(map[*messages.Node]int)
		for range picks {
			count[p.Pick(nodes, nil, &d)]++
		}
		expected, chi := float64(picks)/float64(len(nodes)), 0.0
		for _, n := range nodes {
			off := float64(count[n]) - expected
			chi += off * off / expected
		}
		if chi > quantile {
			t.Errorf("%s: got chi-square %.1f, want at most %.2f", name, chi, quantile)
		}
	}
}

// A node that takes three times as long, and says so in its weight, gets less
// than half of its fair share.
func TestSlowNodeGetsLess(t *testing.T) {
	s := fleet(10)
	nodes := members(s)
	for i, n := range nodes {
		took := 10 * time.Millisecond
		if i == 0 {
			took *= 3
		}
		n.Answered(took)
	}
	s.fold(start)
	d := dice.NewSource(1).Dice()
	got := 0
	for range 10_000 {
		if (P2C{}).Pick(nodes, nil, &d) == nodes[0] {
			got++
		}
	}
	if got > 400 {
		t.Errorf("got %d of 10000 calls at the slow node, want at most 400", got)
	}
}

// One of ten nodes fails at once whatever it gets. Its failures are fast, and
// must not make it attractive: errors stay below one in a hundred.
func TestBlackHole(t *testing.T) {
	const calls = 100_000
	s := fleet(10)
	nodes := members(s)
	d := dice.NewSource(1).Dice()
	now, failed := start, 0
	type running struct {
		node *messages.Node
		end  clock.Instant
	}
	var flying []running
	ready := nodes
	publish := func() { ready = s.view(messages.SelectorPolicy{}, now, nil).Ready }
	for range calls {
		now = now.Add(time.Millisecond)
		flying = slices.DeleteFunc(flying, func(r running) bool {
			if r.end > now {
				return false
			}
			r.node.InFlight.Add(-1)
			if r.node.Answered(10 * time.Millisecond) {
				s.fold(now)
			}
			return true
		})
		if changed, _ := s.review(now); changed {
			publish()
		}
		n := (P2C{}).Pick(ready, nil, &d)
		if n == nodes[0] {
			failed++
			if s.fault(messages.Mark{Node: n, Err: errFault}, now) {
				publish()
			}
			continue
		}
		n.InFlight.Add(1)
		flying = append(flying, running{n, now.Add(10 * time.Millisecond)})
	}
	if share := float64(failed) / calls; share >= 0.01 {
		t.Errorf("got %.2f %% errors, want less than 1 %%", 100*share)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{2, 1000, 10_000} {
		for name, p := range pickers() {
			for _, tried := range []int{0, 1} {
				b.Run(fmt.Sprintf("%s/nodes=%d/tried=%d", name, n, tried), func(b *testing.B) {
					nodes := members(fleet(n))
					d := dice.NewSource(1).Dice()
					b.ReportAllocs()
					for b.Loop() {
						p.Pick(nodes, nodes[:tried], &d)
					}
				})
			}
		}
	}
}

// Choosing allocates nothing.
func TestPickAllocatesNothing(t *testing.T) {
	nodes := members(fleet(1000))
	for name, p := range pickers() {
		d := dice.NewSource(1).Dice()
		if got := testing.AllocsPerRun(1000, func() { p.Pick(nodes, nodes[:2], &d) }); got != 0 {
			t.Errorf("%s: got %.0f allocations, want 0", name, got)
		}
	}
}

// A stream that is open at a node on probation does not keep calls away.
func TestPickOfANodeWithAStream(t *testing.T) {
	nodes := members(fleet(2))
	nodes[0].Health.Store(uint32(messages.Probing))
	for _, n := range nodes {
		n.InFlight.Store(1)
	}
	nodes[0].Streams.Store(1)
	d := dice.NewSource(1).Dice()
	got := 0
	for range 200 {
		if (P2C{}).Pick(nodes, nil, &d) == nodes[0] {
			got++
		}
	}
	if got == 0 {
		t.Error("got no call for a node that waits for its probe, want some")
	}
}
