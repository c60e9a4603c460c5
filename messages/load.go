// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"math"
	"sync/atomic"
	"time"
)

// SetWeight publishes the weight. Only the node's selector may call it.
func (n *Node) SetWeight(w float64) { n.weight.Store(math.Float64bits(w)) }

// SetLatency publishes the latency. Only the node's selector may call it.
func (n *Node) SetLatency(d time.Duration) { n.latency.Store(int64(d)) }

// Latency returns how long an answer of the node is expected to take; 0 until
// something is known.
func (n *Node) Latency() time.Duration { return time.Duration(n.latency.Load()) }

// Weight returns the cost of one call in flight at this node: its latency plus
// a quarter of a millisecond, in nanoseconds, divided by the square of its
// success rate.
func (n *Node) Weight() float64 { return math.Float64frombits(n.weight.Load()) }

// FullShare is the share of a node that has warmed up.
const FullShare = 1000

// SetShare publishes the share, 0 to FullShare. Only the node's selector may
// call it.
func (n *Node) SetShare(share int) { n.unshare.Store(uint32(FullShare - share)) }

// Share returns in how many of FullShare draws the node takes part: FullShare,
// or fewer while it warms up.
func (n *Node) Share() int { return FullShare - int(n.unshare.Load()) }

// Load returns the cost of sending one more call to this node: its weight for
// each call in flight and for the new one.
func (n *Node) Load() float64 { return n.Weight() * float64(n.InFlight.Load()+1) }

// TypicalCost is the cost of one call in flight at a typical node of a service. The
// selector writes it, callers read it. The zero value means that nothing is
// known yet.
type TypicalCost struct{ cost atomic.Uint64 }

// Set publishes the cost. Only the selector may call it.
func (c *TypicalCost) Set(cost float64) { c.cost.Store(math.Float64bits(cost)) }

// SetTypical sets what Heavy compares the node with. The selector calls it before
// it publishes the node.
func (n *Node) SetTypical(c *TypicalCost) { n.typical = c }

// heavy is how many times the typical cost makes a load heavy.
const heavy = 4

// Heavy reports whether one more call at this node would cost several times
// what a call costs at a typical node of the service.
func (n *Node) Heavy() bool {
	if n.typical == nil {
		return false
	}
	typical := math.Float64frombits(n.typical.cost.Load())
	return typical > 0 && n.Load() > heavy*typical
}
