// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"
	"sync/atomic"

	"example.com/mailcall/messages"
)

// draws is how often a picker rolls again for a node that was not tried,
// before it walks the list instead.
const draws = 4

// P2C is the power of two choices: of two random nodes the one with less
// load, where load is (calls in flight + 1) x latency / success rate squared. A
// quarter of a millisecond is added to the latency, so that noise does not choose.
// Of two without a call in flight the cheaper one is the more likely, not sure;
// and where both have much more load than is usual a few others are looked at.
// The square keeps a node that fails fast from attracting traffic. A node that
// still warms up has its load in its share of the draws, and in the others
// that much more.
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

// spares is how many more nodes are looked at while the best one has much more
// load than is usual: where some nodes are slow or new, the dice show two of
// them now and then.
const spares = 4

// relieved returns a node to take the place of one that has much more load than
// is usual, of those that follow place at. If that one remains the best, one
// without a call is tried that is new or was not heard of for a while: so many
// calls at the best one may say that it is slow since a moment ago, and what
// speaks against the other is older.
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

// promising reports whether the node has no call, and may well be better than it
// seems.
func promising(n *messages.Node) bool {
	return usable(n) && alone(n) && (n.Unheard.Load() || !n.Heavy())
}

// strides bounds the search for a usable node.
const strides = 16

// instead finds a usable node to take the place of one that is not, beside
// another: who fails must not choose for the others. If it finds none that one
// stays.
func instead(n, beside *messages.Node, ready []*messages.Node, d messages.Dice) *messages.Node {
	at := d.N(len(ready))
	for i := range min(strides, len(ready)) {
		if other := ready[(at+i)%len(ready)]; other != beside && usable(other) {
			return other
		}
	}
	return n
}

// Random chooses with equal chances.
type Random struct{}

// Pick implements [messages.Picker].
func (Random) Pick(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	if len(ready) < 2 {
		return only(ready)
	}
	return untried(ready, tried, d)
}

// RoundRobin goes around across calls. The zero value is ready to use.
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

// better returns the node with less load; either may be nil. A node that is
// shunned, or being probed by another call, loses.
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

// alike is how much the costs of two nodes may differ and still count as
// equal: latencies are noisy.
const alike = 1.25

// grain is the fineness of a roll between two nodes.
const grain = 1 << 20

// lighter reports whether b has less load than a. Between two without a call the
// dice decide, with the odds of the squares of what they cost: who calls alone
// would never again see a node that noise has put behind the others.
func lighter(b, a *messages.Node, d messages.Dice) bool {
	of, to := cost(b, d), cost(a, d)
	calls, others := b.InFlight.Load(), a.InFlight.Load()
	if calls == 0 && others == 0 {
		return float64(d.N(grain))*(of*of+to*to) < grain*to*to
	}
	if of <= to*alike && to <= of*alike {
		return calls < others
	}
	return of*float64(calls+1) < to*float64(others+1)
}

// cold is how many times more a node costs in the draws that are not of its share
// while it warms up.
const cold = 10

// cost is what one call in flight costs. A node that warms up rolls for its
// share: it must not get much, but more than none, and all of it where the
// others are slower by far.
func cost(n *messages.Node, d messages.Dice) float64 {
	share := n.Share()
	if share == messages.FullShare || d.N(messages.FullShare) < share {
		return n.Weight()
	}
	return n.Weight() * cold
}

// usable is false for a node that is shunned, and for one that another call is
// probing just now, or trying again.
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

// alone reports whether no call is at the node. A stream that is open is no
// probe any more: it may last for days.
func alone(n *messages.Node) bool { return n.InFlight.Load() <= n.Streams.Load() }

func free(n *messages.Node, tried []*messages.Node) *messages.Node {
	if slices.Contains(tried, n) {
		return nil
	}
	return n
}

// untried rolls for a node that is not in tried, and walks the list from a
// random place when luck fails.
func untried(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	for range draws {
		if n := ready[d.N(len(ready))]; usable(n) && !slices.Contains(tried, n) {
			return n
		}
	}
	return walk(ready, tried, d.N(len(ready)))
}

// walk returns the first good node from place at: one that is usable and not
// tried, else one that is not tried, else any.
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
