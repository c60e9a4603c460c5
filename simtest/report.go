// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"fmt"
	"strings"
	"time"
)

// Invariant is a number of something that must always hold.
type Invariant uint8

// The invariants.
const (
	// OneResult: a call has exactly one result, and it has one at the end.
	OneResult Invariant = 1 + iota
	// NothingAfterResult: once a call has its result, no exchange of it begins,
	// and none still runs.
	NothingAfterResult
	// InTime: a call has its result when its deadline passes, and nobody waits
	// for a backoff that would end later.
	InTime
	// WithinBudget: a call makes no more attempts than it may, and a service
	// sees no more retries and hedges than the budget has tokens.
	WithinBudget
	// ExecutedOnce: a call that is not idempotent is executed at most once.
	ExecutedOnce
	// DistinctNodes: two live attempts of a call are at two nodes, if there
	// are two.
	DistinctNodes
	// OwnReply: a call's value is touched once, with the reply to this call.
	OwnReply
	// ConnectionsConserved: each open connection is idle or carries an
	// exchange, there are never more than may be, none is used by two, and
	// one that was given back is found again.
	ConnectionsConserved
	// Floor: at least half of the registered nodes, rounded up, can be chosen.
	Floor
	// NothingLeft: a closed client leaves no actor, timer or connection.
	NothingLeft
	// MailboxBounded: no mailbox grows beyond what the calls in flight explain.
	MailboxBounded
	// PanicContained: a panic in user code fails an attempt, and stops neither
	// actor nor client.
	PanicContained
	// StreamEnds: a stream that was opened ends exactly once, one tick after its
	// deadline or after its user has given it up at the latest, and nobody waits
	// in it afterwards.
	StreamEnds
	// StreamOrder: the messages of a direction come in order, none is lost up to
	// the end, none is doubled, and none comes to another stream.
	StreamOrder
	// StreamSilent: after the end of a stream nothing of it is sent, and nothing
	// is received.
	StreamSilent
	// HalfCloseSeen: a service is told of a half-close, and of nothing after it.
	HalfCloseSeen
	// ViewKept: an empty list from a registry that was failing does not empty
	// the view of a service.
	ViewKept
)

// String returns the number and the name.
func (i Invariant) String() string {
	names := [...]string{
		"?", "one result", "nothing after the result", "in time", "within budget", "executed once",
		"distinct nodes", "own reply", "connections conserved", "floor", "nothing left",
		"mailbox bounded", "panic contained", "stream ends", "stream order", "stream silent",
		"half-close seen", "view kept",
	}
	if int(i) >= len(names) {
		i = 0
	}
	return fmt.Sprintf("invariant %d (%s)", uint8(i), names[i])
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant Invariant
	// At is the virtual time since the run began, Step how many steps it had.
	At   time.Duration
	Step int
	// What says what was found and what should have been.
	What string
}

// String is one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s violated at %s, step %d: %s", v.Invariant, v.At, v.Step, v.What)
}

// Stats count what happened, to show that a scenario does what it is for.
type Stats struct {
	Steps int
	// Elapsed is virtual.
	Elapsed time.Duration
	// Calls that were made, of them Good ones; Panics that were thrown.
	Calls, Good, Panics int
	// Attempts are exchanges that began. Retries, Hedges and Denied are what
	// the retrier granted, and refused for the lack of attempts, tokens or time.
	Attempts, Retries, Hedges, Denied int
	// Executions at nodes; Cancelled exchanges; replies that came Late.
	Executions, Cancelled, Late int
	// Dials that began; Ejections of nodes; Waits for a connection.
	Dials, Ejections, Waits int
	// Full is how often a shared connection carried all that it may, Leaves how
	// often a server said that it will take nothing more on one.
	Full, Leaves int
	// Streams that were opened, those of them that ended well, their Messages
	// both ways, sends that had to wait (Stalls), and messages of servers that
	// came AfterEnd.
	Streams, GoodStreams, Messages, Stalls, AfterEnd int
	// Publishes, and the good ones. Blanks is how often a registry came back
	// from a failure without knowing anybody.
	Publishes, GoodPublishes, Blanks int
}

// Report is the outcome of a run.
type Report struct {
	Seed uint64
	// Hash is that of the history: equal hashes, equal histories.
	Hash uint64
	// History is one line for each turn, frame, timer and result.
	History string
	// Violations end the run; mostly there is one.
	Violations []Violation
	// Stats count.
	Stats Stats
	// Errors are the outcomes of the calls, in the order of the scenario.
	Errors []error
}

// Failed reports whether some invariant did not hold.
func (r Report) Failed() bool { return len(r.Violations) > 0 }

// tail is how many lines of history a report shows.
const tail = 40

// String is what was violated, the seed, and the end of the history.
func (r Report) String() string {
	var b strings.Builder
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "%s\n", v)
	}
	fmt.Fprintf(&b, "seed %d: %d calls, %d steps, history %016x", r.Seed, r.Stats.Calls, r.Stats.Steps, r.Hash)
	if r.Failed() {
		lines := strings.Split(strings.TrimSuffix(r.History, "\n"), "\n")
		fmt.Fprintf(&b, "\nthe last lines of its history:\n%s", strings.Join(lines[max(len(lines)-tail, 0):], "\n"))
	}
	return b.String()
}
