// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"math"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// Service is what the root publishes about a service that has been called:
// who selects its nodes, and the current view. One Service lives as long as
// its selector.
type Service struct {
	// Name is the service's name; with Addresses set, only a label.
	Name string
	// Addresses, if not empty, are used in place of the registry.
	Addresses []string
	// Transport, if not "", is that of the Addresses.
	Transport string
	// Since is when it was first called.
	Since clock.Instant
	// Selector owns the view.
	Selector Ref[SelectorMessage]
	// View is the current view; nil until the first lookup has succeeded.
	View atomic.Pointer[View]
	// Waiting is how many calls wait for a node, published by the selector.
	Waiting atomic.Int64
	// Touched is when the selector last had something to do, an Instant, and
	// Folded when it last folded the tallies of its nodes.
	Touched, Folded atomic.Int64
	// folding says that it was told to and has not begun.
	folding atomic.Bool
	// gone is set by the root: the service was forgotten, and who calls it
	// looks it up anew.
	gone atomic.Bool

	_ line

	// Answered counts attempts that the service answered, for the retrier,
	// which takes them out when it next looks. The selector adds to it when it
	// folds the tallies of its nodes.
	Answered atomic.Int64
	// Rate is the retrier's average of answers a second, math.Float64bits.
	// Only the retrier writes it.
	Rate atomic.Uint64
	// Budget is the retrier's balance for this service, math.Float64bits of
	// the tokens, and BudgetAt the instant of its last change (0: the bucket
	// is still full). Only the retrier writes them.
	Budget   atomic.Uint64
	BudgetAt atomic.Int64

	_ line
}

// Forget says that the service is out of the directory. For the root only.
func (s *Service) Forget() { s.gone.Store(true) }

// Gone reports whether it is.
func (s *Service) Gone() bool { return s.gone.Load() }

// Tally notes that one of the service's nodes answered an attempt, and tells the
// selector to fold when it should hear of that.
func (s *Service) Tally(n *Node, took time.Duration, now clock.Instant) {
	told := n.Answered(took)
	if told || now.Sub(clock.Instant(s.Folded.Load())) >= foldWithin || Health(n.Health.Load()) != Healthy {
		s.fold()
	}
}

// fold tells the selector once, however many callers wish it to be told.
func (s *Service) fold() {
	if s.folding.CompareAndSwap(false, true) {
		s.Selector.Tell(Fold{})
	}
}

// Folding notes that the selector folds now. For the selector only.
func (s *Service) Folding(now clock.Instant) {
	s.Folded.Store(int64(now))
	s.folding.Store(false)
}

// Idle reports whether no call is at one of its nodes, and none waits for them.
func (s *Service) Idle() bool {
	if s.Waiting.Load() > 0 {
		return false
	}
	if v := s.View.Load(); v != nil {
		for _, n := range v.Nodes {
			if n.InFlight.Load() > 0 {
				return false
			}
		}
	}
	return true
}

// View is the immutable picture of a service's nodes that a selector
// publishes. Callers choose from it without asking.
type View struct {
	// Records are the registry's records after the client's filters.
	Records []*registry.Service
	// Nodes are all nodes, in the order of the records.
	Nodes []*Node
	// Ready are the nodes that may be chosen: all but the ejected ones.
	Ready []*Node
	// Picker chooses from Ready by the client's strategy.
	Picker Picker
	// Since is when the view was published.
	Since clock.Instant
	// Stale is why the registry's last answer could not be used; nil when the
	// view is fresh.
	Stale error
}

// Picker chooses a node. Implementations live with the selector; they are
// used by many goroutines at once, each with dice of its own.
type Picker interface {
	// Pick returns a node of ready that is not in tried, a tried one if no
	// other is left, or nil if ready is empty.
	Pick(ready, tried []*Node, d Dice) *Node
}

// Dice are a picker's source of chance, seeded with everything else.
type Dice interface {
	// N rolls a number from 0 to n-1; n must be positive.
	N(n int) int
}

// Health is what a selector thinks of a node.
type Health uint32

// The states of health.
const (
	// Healthy nodes are chosen freely.
	Healthy Health = iota
	// Ejected nodes are not chosen until their time is up.
	Ejected
	// Probing nodes came back from ejection; one call at a time tries them.
	Probing
	// Shunned nodes would be ejected if not too many were: they are chosen only
	// where all others have been tried or are shunned as well.
	Shunned
)

// String returns "healthy", "ejected", "probing" or "shunned".
func (h Health) String() string {
	switch h {
	case Ejected:
		return "ejected"
	case Probing:
		return "probing"
	case Shunned:
		return "shunned"
	default:
		return "healthy"
	}
}

// Record is what the registry says of a node; read only.
type Record struct {
	// Node is its own record, Version that of the service it belongs to.
	Node    *registry.Node
	Version string
}

// Node is one node of a service: identity, which never changes, and numbers
// that callers add to and its selector folds.
type Node struct {
	// ID is what the registry calls it, Service whose node it is.
	ID, Service string
	// Address is what is dialled, Transport the name of the transport that
	// does it.
	Address, Transport string
	// Legacy marks a node without protocol metadata: a go-micro server from
	// before there was a choice, which wants enveloped codecs.
	Legacy bool
	// Native marks a node that speaks gRPC itself, not go-micro's messages over
	// something.
	Native bool
	// record is published by the selector: what the registry says of the node.
	record atomic.Pointer[Record]
	// gone is the root's alone: the node was removed.
	gone  bool
	usual *Usual
	// pool is published by the root once somebody has needed a connection.
	pool atomic.Pointer[Pool]
	// weight is published by the selector: float64 bits of what one call in
	// flight costs here.
	weight atomic.Uint64
	// latency is published by the selector, in nanoseconds.
	latency atomic.Int64
	// unshare is published by the selector: what the node lacks of FullShare.
	unshare atomic.Uint32
	// Until is the end of the ejection, an Instant, published with Health; Fault
	// is the last one.
	Until atomic.Int64
	Fault atomic.Pointer[Fault]
	// Health is published by the selector.
	Health atomic.Uint32
	// Doubt is published by the selector: the weight is a guess, so one call at
	// a time goes there, and the next answer is told at once.
	Doubt atomic.Bool
	// Unheard is published by the selector: the others have answered a good deal
	// since the node was last heard of.
	Unheard atomic.Bool

	_ line // what every call writes lies apart from what every call reads

	// InFlight counts attempts and streams that hold the node now, Streams the
	// open ones among them.
	InFlight, Streams atomic.Int64
	// Answers and AnswerTime are the tally of attempts that were answered
	// since the selector last folded them.
	Answers, AnswerTime atomic.Int64
	// Total counts all answered attempts, Faults all connection faults.
	Total, Faults atomic.Int64

	_ line
}

// line keeps two processors from fighting for a cache line (64 bytes on the
// machines this was measured on).
type line [64]byte

// Record is what the registry said last of the node.
func (n *Node) Record() *Record { return n.record.Load() }

// SetRecord is for the selector.
func (n *Node) SetRecord(r *Record) { n.record.Store(r) }

// Pool returns the pool of the node's address, nil before its first use.
func (n *Node) Pool() *Pool { return n.pool.Load() }

// SetPool is called by the root, once.
func (n *Node) SetPool(p *Pool) { n.pool.Store(p) }

// Remove notes that the node was removed. For the root only.
func (n *Node) Remove() { n.gone = true }

// Removed reports whether it was. For the root only.
func (n *Node) Removed() bool { return n.gone }

// SetWeight is called by the node's selector.
func (n *Node) SetWeight(w float64) { n.weight.Store(math.Float64bits(w)) }

// SetLatency is called by the node's selector.
func (n *Node) SetLatency(d time.Duration) { n.latency.Store(int64(d)) }

// Latency is how long an answer of the node is expected to take.
func (n *Node) Latency() time.Duration { return time.Duration(n.latency.Load()) }

// Weight is what one call in flight costs at this node: its latency and a
// quarter of a millisecond, in nanoseconds, divided by the square of the success
// rate.
func (n *Node) Weight() float64 { return math.Float64frombits(n.weight.Load()) }

// Fault is what a node was at fault for, and when. It is immutable.
type Fault struct {
	Err error
	At  clock.Instant
}

// FullShare is the share of a node that is warm.
const FullShare = 1000

// SetShare is called by the node's selector, with 0 to FullShare.
func (n *Node) SetShare(share int) { n.unshare.Store(uint32(FullShare - share)) }

// Share is how many of FullShare draws the node takes part in; fewer while it
// warms up.
func (n *Node) Share() int { return FullShare - int(n.unshare.Load()) }

// Load is what choosing this node for one more call would cost.
func (n *Node) Load() float64 { return n.Weight() * float64(n.InFlight.Load()+1) }

// Usual is what a call in flight costs at the usual node of a service. Its
// selector sets it, and callers read it. The zero value says that nothing is
// known yet.
type Usual struct{ cost atomic.Uint64 }

// Set is for the selector.
func (u *Usual) Set(cost float64) { u.cost.Store(math.Float64bits(cost)) }

// Compare lets Heavy compare the node with what is usual. For the selector,
// before it publishes the node.
func (n *Node) Compare(u *Usual) { n.usual = u }

// heavy is how many times what is usual a heavy load is.
const heavy = 4

// Heavy reports whether one more call would cost several times what a call
// usually costs at the nodes of the service.
func (n *Node) Heavy() bool {
	if n.usual == nil {
		return false
	}
	usual := math.Float64frombits(n.usual.cost.Load())
	return usual > 0 && n.Load() > heavy*usual
}

// When a selector is told to fold: after so many answers of one node, and after
// this time while there are any; faults, and its first answers, are told at once.
const (
	foldEvery  = 256
	foldWithin = 100 * time.Millisecond
	foldFirst  = 8 // answers of a node, each of which is told at once
)

// surprise is how many times longer than expected an answer must have taken to
// be told at once. A node that has become slow gets few calls while those in
// flight pile up there, so its answers would take long to fill a tally.
const surprise = 8

// Answered adds an answered attempt to the tally and reports whether the
// selector should be told to fold: now and then, or at once where it waits for
// word or will be surprised.
func (n *Node) Answered(took time.Duration) bool {
	n.AnswerTime.Add(int64(took))
	return n.Answers.Add(1)%foldEvery == 0 || n.Doubt.Load() || n.Total.Load() < foldFirst || int64(took) > surprise*n.latency.Load()
}
