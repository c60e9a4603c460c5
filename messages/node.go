// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// Record is what the registry says about a node. It is immutable.
type Record struct {
	// Node is the node's own record, Version that of its service.
	Node    *registry.Node
	Version string
}

// Node is one node of a service: its identity, which never changes, what its
// selector publishes about it, and the counters that callers add to.
type Node struct {
	// ID is the node's name in the registry, Service the service it belongs to.
	ID, Service string
	// Address is what is dialled, Transport the name of the transport that
	// dials it.
	Address, Transport string
	// Legacy marks a node without protocol metadata: a go-micro server of
	// before the metadata existed, which expects the enveloped codecs.
	Legacy bool
	// Native marks a node that speaks gRPC itself rather than go-micro's
	// messages over some transport.
	Native bool
	// record is what the registry says about the node; the selector writes it.
	record atomic.Pointer[Record]
	// gone says that the node was removed, leaving that it is about to be; only
	// the root touches them.
	gone, leaving bool

	typical *TypicalCost
	// pool is set by the root when a connection is first needed.
	pool atomic.Pointer[Pool]

	// The selector writes the fields from here to the padding.

	// weight is the float64 bits of the cost of one call in flight.
	weight atomic.Uint64
	// latency is in nanoseconds.
	latency atomic.Int64
	// unshare is FullShare minus the node's share, so that zero is a full one.
	unshare atomic.Uint32
	// Until is the Instant at which the ejection ends, written before Health
	// becomes Ejected. Fault is the last fault, nil if there was none.
	Until atomic.Int64
	Fault atomic.Pointer[Fault]
	// Health is a [Health].
	Health atomic.Uint32
	// Doubt says that the weight is a guess: one call at a time goes to the
	// node, and the selector is told of the next answer at once.
	Doubt atomic.Bool
	// Unheard says that the other nodes have answered many calls since this one
	// last did.
	Unheard atomic.Bool

	_ line // separates what every call writes from what every call reads

	// InFlight counts the attempts and open streams at the node, Streams the
	// open streams among them.
	InFlight, Streams atomic.Int64
	// Answers and AnswerTime are the tally: answered attempts since the
	// selector last folded it, and the nanoseconds they took.
	Answers, AnswerTime atomic.Int64
	// Total counts the answered attempts that were folded, Faults all
	// connection faults.
	Total, Faults atomic.Int64

	_ line
}

// line is padding of one cache line (64 bytes on the machines this was measured
// on), against false sharing.
type line [64]byte

// Record returns what the registry last said about the node.
func (n *Node) Record() *Record { return n.record.Load() }

// SetRecord publishes the record. Only the selector may call it.
func (n *Node) SetRecord(r *Record) { n.record.Store(r) }

// Pool returns the pool of the node's address, or nil before its first use.
func (n *Node) Pool() *Pool { return n.pool.Load() }

// SetPool publishes the pool. The root calls it once.
func (n *Node) SetPool(p *Pool) { n.pool.Store(p) }

// Remove marks the node as removed. Only the root may call it.
func (n *Node) Remove() { n.gone = true }

// Removed reports whether the node was removed. Only the root may call it.
func (n *Node) Removed() bool { return n.gone }

// SetLeaving records whether the node is leaving, and reports whether that is a
// change. Only the root may call it.
func (n *Node) SetLeaving(leaving bool) (changed bool) {
	changed = n.leaving != leaving
	n.leaving = leaving
	return changed
}

// Leaving reports whether the node is leaving. Only the root may call it.
func (n *Node) Leaving() bool { return n.leaving }

// Fault is an error that is held against a node or broker, and when it
// happened. It is immutable.
type Fault struct {
	Err error
	At  clock.Instant
}
