// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"testing"
	"time"

	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

func healthOf(s *state, id string) messages.Health { return messages.Health(s.node(id).Health.Load()) }

// brokenHalf is a fleet of five of which a and b are ejected and c failed as
// well.
func brokenHalf() *state {
	s := newState("a", "b", "c", "d", "e")
	for _, id := range []string{"a", "b", "c"} {
		faults(s, id, faultsToEject, start)
	}
	return s
}

// A node that fails when half of the fleet is ejected already is chosen only
// as the last one, and does not choose for the others by being drawn.
func TestShunned(t *testing.T) {
	s := brokenHalf()
	if got := healthOf(s, "c"); got != messages.Shunned {
		t.Fatalf("got %s after %d faults, want shunned", got, faultsToEject)
	}
	if got := len(s.ready(start)); got != 3 {
		t.Fatalf("got %d selectable nodes of 5, want 3", got)
	}
	s.node("d").SetWeight(float64(100 * time.Millisecond)) // slow, but alive
	s.node("d").InFlight.Store(50)
	d, ready := dice.NewSource(3).Dice(), s.view(messages.SelectorPolicy{}, start, nil).Ready
	count := make(map[string]int)
	const picks = 10_000
	for range picks {
		count[(P2C{}).Pick(ready, nil, &d).ID]++
	}
	if count["e"] != picks {
		t.Errorf("got %v, want all at the node that is well", count)
	}
	for _, p := range []messages.Picker{P2C{}, Random{}, &RoundRobin{}} {
		if got := p.Pick(ready, []*messages.Node{s.node("d"), s.node("e")}, &d); got != s.node("c") {
			t.Errorf("%T: got %v when the others were tried, want the shunned node", p, got)
		}
	}
}

func TestShunnedNodeReturns(t *testing.T) {
	t.Run("by an answer", func(t *testing.T) {
		s := brokenHalf()
		s.node("c").Answered(time.Millisecond)
		s.fold(start)
		if got := healthOf(s, "c"); got != messages.Healthy {
			t.Errorf("got %s, want healthy", got)
		}
	})
	t.Run("by time", func(t *testing.T) {
		s := brokenHalf()
		s.review(start.Add(ejectBase))
		if got := healthOf(s, "c"); got != messages.Probing {
			t.Errorf("got %s, want probing", got)
		}
	})
	t.Run("not at all, if there is room", func(t *testing.T) {
		s := brokenHalf()
		s.probe(s.byID[nodeKey{"a", "a:80"}])
		faults(s, "c", 1, start)
		if got := healthOf(s, "c"); got != messages.Ejected {
			t.Errorf("got %s, want ejected", got)
		}
	})
}
