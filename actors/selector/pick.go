// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"
	"sync/atomic"

	"example.com/mailcall/messages"
)

// draws is how many times a picker draws a node that was not tried yet, before
// it walks the list instead.
const draws = 4

// Random chooses each node with the same probability. It is stateless and safe
// for concurrent use.
type Random struct{}

// Pick implements [messages.Picker].
func (Random) Pick(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	if len(ready) < 2 {
		return only(ready)
	}
	return untried(ready, tried, d)
}

// RoundRobin chooses the nodes in turn, across all calls. The zero value is
// ready to use; it is safe for concurrent use and must not be copied.
type RoundRobin struct{ next atomic.Uint64 }

// Pick implements [messages.Picker].
func (r *RoundRobin) Pick(ready, tried []*messages.Node, _ messages.Dice) *messages.Node {
	n := len(ready)
	if n < 2 {
		return only(ready)
	}
	at := int((r.next.Add(1) - 1) % uint64(n))
	if len(tried) == 0 && usable(ready[at]) {
		return ready[at]
	}
	return walk(ready, tried, at)
}

func only(ready []*messages.Node) *messages.Node {
	if len(ready) == 0 {
		return nil
	}
	return ready[0]
}

// usable reports whether the node may be chosen: not if it is shunned, nor if it
// gets one call at a time and has one.
func usable(n *messages.Node) bool {
	switch messages.Health(n.Health.Load()) {
	case messages.Shunned:
		return false
	case messages.Probing:
		return alone(n)
	default:
		return !n.Doubt.Load() || alone(n)
	}
}

// alone reports whether no call is in flight at the node. Open streams do not
// count, because they may last for days.
func alone(n *messages.Node) bool { return n.InFlight.Load() <= n.Streams.Load() }

func free(n *messages.Node, tried []*messages.Node) *messages.Node {
	if slices.Contains(tried, n) {
		return nil
	}
	return n
}

// untried draws a node that is not in tried, and walks the list from a random
// place if that fails.
func untried(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	for range draws {
		if n := ready[d.N(len(ready))]; usable(n) && !slices.Contains(tried, n) {
			return n
		}
	}
	return walk(ready, tried, d.N(len(ready)))
}

// walk returns the first node from index at that is usable and not tried, else
// one that is not tried, else any.
func walk(ready, tried []*messages.Node, at int) *messages.Node {
	fallback := ready[at]
	for i := range ready {
		n := ready[(at+i)%len(ready)]
		if slices.Contains(tried, n) {
			continue
		}
		if usable(n) {
			return n
		}
		fallback = n
	}
	return fallback
}
