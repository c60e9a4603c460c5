// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"fmt"
	"strings"
	"time"
)

// Invariant identifies a property that must always hold.
type Invariant uint8

// The invariants.
const (
	// OneResult: every call ends, with exactly one result.
	OneResult Invariant = 1 + iota
	// NothingAfterResult: once a call has its result, none of its exchanges begins
	// or still runs.
	NothingAfterResult
	// InTime: a call has its result by its deadline, and does not wait for a backoff
	// that would end later.
	InTime
	// WithinBudget: a call makes no more attempts than it may, and a service gets no
	// more retries and hedges than its budget has tokens.
	WithinBudget
	// ExecutedOnce: a call that is not idempotent is executed at most once.
	ExecutedOnce
	// DistinctNodes: two live attempts of a call are at different nodes, if there
	// are two.
	DistinctNodes
	// OwnReply: a call's value is written once, with the reply to this call.
	OwnReply
	// ConnectionsConserved: each open connection is idle or carries an exchange;
	// there are never more than allowed; none is used by two exchanges; and one that
	// was returned to its pool is reused.
	ConnectionsConserved
	// Floor: at least half of the registered nodes, rounded up, can be chosen.
	Floor
	// NothingLeft: a closed client leaves no actor, timer or connection behind.
	NothingLeft
	// MailboxBounded: no mailbox grows beyond what the calls in flight explain.
	MailboxBounded
	// PanicContained: a panic in user code fails an attempt, and stops neither an
	// actor nor the client.
	PanicContained
	// StreamEnds: an opened stream ends exactly once, at the latest one tick after
	// its deadline or after its user has cancelled it, and nothing blocks in it
	// afterwards.
	StreamEnds
	// StreamOrder: the messages of a direction arrive in order; before the end none
	// is lost; none is duplicated; and none arrives in another stream.
	StreamOrder
	// StreamSilent: after the end of a stream nothing is sent or received on it.
	StreamSilent
	// HalfCloseSeen: a service gets a half-close, and nothing after it.
	HalfCloseSeen
	// ViewKept: an empty list from a registry that was failing does not empty the
	// view of a service.
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
	// At is the virtual time since the run began, Step the number of steps until
	// then.
	At   time.Duration
	Step int
	// What says what was found and what was expected.
	What string
}

// String returns the violation as one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s violated at %s, step %d: %s", v.Invariant, v.At, v.Step, v.What)
}

// Stats count what happened, to show that a scenario tests what it is meant to.
type Stats struct {
	Steps int
	// Elapsed is the virtual time that the run took.
	Elapsed time.Duration
	// Calls that were made, Good ones among them, and Panics that were thrown.
	Calls, Good, Panics int
	// Attempts are exchanges that began. Retries and Hedges are those that the
	// retrier granted, Denied those that it refused for lack of attempts, tokens or
	// time.
	Attempts, Retries, Hedges, Denied int
	// Executions at nodes, Cancelled exchanges, and replies that arrived Late.
	Executions, Cancelled, Late int
	// Dials that began, Ejections of nodes, and Waits for a connection.
	Dials, Ejections, Waits int
	// Full counts exchanges that a full shared connection refused, Leaves how many
	// times a server said that it accepts nothing more on one.
	Full, Leaves int
	// Streams that were opened, those that ended normally, their Messages in both
	// directions, sends that had to wait (Stalls), and messages from servers that
	// arrived AfterEnd.
	Streams, GoodStreams, Messages, Stalls, AfterEnd int
	// Publishes, and the successful ones. Blanks counts how many times a registry
	// came back from a failure without any nodes.
	Publishes, GoodPublishes, Blanks int
}

// Report is the outcome of a run.
type Report struct {
	Seed uint64
	// Hash is the hash of the history: it is the same for equal histories.
	Hash uint64
	// History has one line for each turn, frame, timer and result, if it was kept.
	History string
	// Violations of invariants. The first one ends the run, so there is usually one.
	Violations []Violation
	// Stats of the run.
	Stats Stats
	// Errors are the results of the calls, in the order of the scenario.
	Errors []error
}

// Failed reports whether an invariant did not hold.
func (r Report) Failed() bool { return len(r.Violations) > 0 }

// tail is how many lines of history a report shows.
const tail = 40

// String returns the violations, the seed, and the end of the history.
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
