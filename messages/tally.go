// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/internal/clock"
)

// Tally counts an answered attempt at one of the service's nodes, and tells the
// selector to fold the tallies when that is due.
func (s *Service) Tally(n *Node, took time.Duration, now clock.Instant) {
	told := n.Answered(took)
	if told || now.Sub(clock.Instant(s.Folded.Load())) >= foldWithin || Health(n.Health.Load()) != Healthy {
		s.fold()
	}
}

// fold sends the selector one Fold, however many callers ask for it at once.
func (s *Service) fold() {
	if s.folding.CompareAndSwap(false, true) {
		s.Selector.Tell(Fold{})
	}
}

// Folding notes that the selector folds the tallies now. Only the selector may
// call it.
func (s *Service) Folding(now clock.Instant) {
	s.Folded.Store(int64(now))
	s.folding.Store(false)
}

// When the selector is told to fold.
const (
	foldEvery  = 256                    // after this many answers of one node
	foldWithin = 100 * time.Millisecond // with the first answer after this time
	foldFirst  = 8                      // after each of a node's first answers
)

// surprise is how many times its expected latency an answer must have taken for
// the selector to be told at once. A node that has become slow gets few calls
// while those in flight pile up there, so a tally would take long to fill.
const surprise = 8

// Answered adds an answered attempt to the node's tally and reports whether the
// selector should fold it now: because enough has gathered, because little is
// known about the node yet, or because the answer was unexpectedly slow.
func (n *Node) Answered(took time.Duration) bool {
	n.AnswerTime.Add(int64(took))
	return n.Answers.Add(1)%foldEvery == 0 || n.Doubt.Load() || n.Total.Load() < foldFirst || int64(took) > surprise*n.latency.Load()
}
