// SPDX-License-Identifier: Apache-2.0

package selector

import "example.com/mailcall/messages"

// P2C is the power of two choices: it draws two nodes and takes the one with
// less load, which is
//
//	(calls in flight + 1) x (latency + 0.25 ms) / (success rate)^2
//
// The quarter of a millisecond keeps scheduling noise from deciding, and the
// square keeps a node that fails fast from attracting traffic. Between two nodes
// without a call in flight the choice is random, in favour of the cheaper one. If
// both have much more load than is usual, a few other nodes are considered. A
// node in slow start counts with its load in its share of the draws, and with a
// multiple of it in the others. P2C is stateless and safe for concurrent use.
type P2C struct{}

// Pick implements [messages.Picker].
func (P2C) Pick(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	n := len(ready)
	if n < 2 {
		return only(ready)
	}
	i := d.N(n)
	if len(tried) > 0 {
		return relieved(better(free(ready[i], tried), untried(ready, tried, d), d), ready, tried, i, d)
	}
	j := d.N(n - 1)
	if j >= i {
		j++
	}
	a, b := ready[i], ready[j]
	if !usable(a) {
		a = instead(a, b, ready, d)
	}
	if !usable(b) {
		b = instead(b, a, ready, d)
	}
	return relieved(better(a, b, d), ready, nil, i, d)
}

// spares is how many more nodes are considered while the best one is heavily
// loaded: if some nodes are slow or new, both draws may hit such nodes.
const spares = 4

// relieved returns best unless it is heavily loaded; then it also considers the
// nodes that follow index at. If the best of all is still heavily loaded, it
// prefers a promising node without calls: many calls in flight may mean that the
// best one has just become slow, and what is known against the other is older.
func relieved(best *messages.Node, ready, tried []*messages.Node, at int, d messages.Dice) *messages.Node {
	var idle *messages.Node
	for k := 1; k <= spares && best.Heavy(); k++ {
		n := free(ready[(at+k)%len(ready)], tried)
		best = better(best, n, d)
		if n != nil && promising(n) && (idle == nil || n.Load() < idle.Load()) {
			idle = n
		}
	}
	if idle != nil && best.Heavy() {
		return idle
	}
	return best
}

// promising reports whether the node has no call in flight and may be better
// than its numbers say.
func promising(n *messages.Node) bool {
	return usable(n) && alone(n) && (n.Unheard.Load() || !n.Heavy())
}

// strides bounds how many nodes a search for a usable one looks at.
const strides = 16

// instead returns a usable node, other than beside, to take the place of n,
// which is not usable; otherwise an unusable node would decide the choice in
// favour of beside. If it finds none, it returns n.
func instead(n, beside *messages.Node, ready []*messages.Node, d messages.Dice) *messages.Node {
	at := d.N(len(ready))
	for i := range min(strides, len(ready)) {
		if other := ready[(at+i)%len(ready)]; other != beside && usable(other) {
			return other
		}
	}
	return n
}

// better returns the node with less load; a usable node is always better than
// one that is not. Either may be nil.
func better(a, b *messages.Node, d messages.Dice) *messages.Node {
	switch {
	case a == nil:
		return b
	case b == nil || !usable(b):
		return a
	case !usable(a) || lighter(b, a, d):
		return b
	default:
		return a
	}
}

// alike is the ratio up to which two costs count as equal: latencies are noisy.
const alike = 1.25

// grain is the resolution of a random choice between two nodes.
const grain = 1 << 20

// lighter reports whether b has less load than a. Between two nodes without calls
// the choice is random, with the squares of their costs as odds: otherwise a
// client with one call at a time would never again choose a node that noise has
// put behind the others.
func lighter(b, a *messages.Node, d messages.Dice) bool {
	costB, costA := cost(b, d), cost(a, d)
	callsB, callsA := b.InFlight.Load(), a.InFlight.Load()
	if callsB == 0 && callsA == 0 {
		return float64(d.N(grain))*(costB*costB+costA*costA) < grain*costA*costA
	}
	if costB <= costA*alike && costA <= costB*alike {
		return callsB < callsA
	}
	return costB*float64(callsB+1) < costA*float64(callsA+1)
}

// cold is how many times its weight a node in slow start costs in the draws that
// are beyond its share.
const cold = 10

// cost returns the cost of one call in flight at the node. A node in slow start
// costs more in some draws: so it gets few calls, but not none, and all of them
// if the other nodes are slower still.
func cost(n *messages.Node, d messages.Dice) float64 {
	share := n.Share()
	if share == messages.FullShare || d.N(messages.FullShare) < share {
		return n.Weight()
	}
	return n.Weight() * cold
}
