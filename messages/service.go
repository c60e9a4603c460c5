// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"sync/atomic"

	"example.com/mailcall/internal/clock"
)

// Service is what is published about a service that has been called: its
// selector, the current view of its nodes, and its retry budget. It lives as
// long as its selector.
type Service struct {
	// Name is the service's name; if Addresses are set, it is only a label.
	Name string
	// Addresses, if any, are used instead of the registry.
	Addresses []string
	// Transport is the transport of the Addresses; "" is the default one.
	Transport string
	// Since is when the service was first called.
	Since clock.Instant
	// Selector owns the view.
	Selector Ref[SelectorMessage]
	// View is the current view; nil until the first lookup has succeeded.
	View atomic.Pointer[View]
	// Waiting is how many calls wait for a node, published by the selector.
	Waiting atomic.Int64
	// Touched is the Instant at which the root last sent the selector a question, or
	// the selector handled a message; Folded is that at which it last folded the
	// tallies of its nodes.
	Touched, Folded atomic.Int64
	// folding says that a Fold is on its way to the selector.
	folding atomic.Bool
	// gone is set by the root when the service is forgotten; a call that holds
	// it must look it up again.
	gone atomic.Bool

	_ line

	// Answered counts answered attempts for the retry budget. The selector adds
	// to it when it folds, and the retrier resets it when it reads it.
	Answered atomic.Int64
	// Rate is the retrier's average of answers per second, as math.Float64bits.
	// Only the retrier writes it.
	Rate atomic.Uint64
	// Budget is the number of tokens in the retry budget, as math.Float64bits,
	// and BudgetAt the Instant of its last change (0: the bucket is still
	// full). Only the retrier writes them.
	Budget   atomic.Uint64
	BudgetAt atomic.Int64

	_ line
}

// Forget marks the service as removed from the directory. Only the root may
// call it.
func (s *Service) Forget() { s.gone.Store(true) }

// Gone reports whether the service was removed from the directory.
func (s *Service) Gone() bool { return s.gone.Load() }

// Idle reports whether no call is in flight at any of its nodes and none waits
// for a node.
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
