// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// View is a service's nodes as its selector publishes them. It is immutable and
// replaced as a whole; calls choose a node from it without a message.
type View struct {
	// Records are the registry's records after the client's filters.
	Records []*registry.Service
	// Nodes are all nodes, in the order of the records.
	Nodes []*Node
	// Ready are the nodes that may be chosen; ejected ones are not among them.
	Ready []*Node
	// Picker is the client's strategy, which chooses from Ready.
	Picker Picker
	// Since is when the view was published.
	Since clock.Instant
	// Stale is why the registry's last answer could not be used; nil if the
	// view is up to date.
	Stale error
}

// Picker chooses a node. The implementations are in package actors/selector.
// They are safe for concurrent use; each goroutine passes dice of its own.
type Picker interface {
	// Pick returns a node of ready that is not in tried; a tried one if no
	// other is left; nil if ready is empty.
	Pick(ready, tried []*Node, d Dice) *Node
}

// Dice is a picker's source of random numbers, derived from the client's seed.
// It is for one goroutine.
type Dice interface {
	// N returns a random number from 0 to n-1; n must be positive.
	N(n int) int
}
