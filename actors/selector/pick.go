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
// load, where load is (calls in flight + 1) x latency / success rate squared.
// The square keeps a node that fails fast from attracting traffic. A node that
// still warms up takes part in its share of the draws.
type P2C struct{}

// Pick implements [messages.Picker].
func (P2C) Pick(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	n := len(ready)
	if n < 2 {
		return only(ready)
	}
	if len(tried) > 0 {
		return better(free(ready[d.N(n)], tried), untried(ready, tried, d), d)
	}
	i, j := d.N(n), d.N(n-1)
	if j >= i {
		j++
	}
	return better(ready[i], ready[j], d)
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
// being probed by another call loses, and so does one that warms up and is not
// due.
func better(a, b *messages.Node, d messages.Dice) *messages.Node {
	switch {
	case a == nil:
		return b
	case b == nil || !usable(b) || !due(b, d):
		return a
	case !usable(a) || !due(a, d) || lighter(b, a):
		return b
	default:
		return a
	}
}

// alike is how much the costs of two nodes may differ and still count as
// equal. Latencies are noisy: without it the last of equal nodes would lose
// each draw of who calls alone.
const alike = 1.25

// lighter reports whether b has less load than a.
func lighter(b, a *messages.Node) bool {
	of, to := b.Weight(), a.Weight()
	if of <= to*alike && to <= of*alike {
		return b.InFlight.Load() < a.InFlight.Load()
	}
	return b.Load() < a.Load()
}

// due rolls whether a node takes part in a draw: always, unless it warms up.
func due(n *messages.Node, d messages.Dice) bool {
	share := n.Share()
	return share == messages.FullShare || d.N(messages.FullShare) < share
}

// usable is false for a node that another call is probing just now. A stream
// that is open is no probe any more: it may last for days.
func usable(n *messages.Node) bool {
	return messages.Health(n.Health.Load()) != messages.Probing || n.InFlight.Load() <= n.Streams.Load()
}

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
