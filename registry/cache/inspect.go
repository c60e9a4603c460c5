// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"cmp"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
)

// State is the state of a cache at one moment.
type State struct {
	// Source is the name of the source.
	Source string
	// Failures counts the failures of the source, for all services. LastError is
	// the last one, nil for none, and SinceFailure how long ago it was.
	Failures     uint64
	LastError    error
	SinceFailure time.Duration
	// Services in the order of their names.
	Services []ServiceState
}

// ServiceState is the state of one service.
type ServiceState struct {
	// Name of the service, and the number of nodes that lookups return.
	Name  string
	Nodes int
	// Held is how many of these the source no longer names.
	Held int
	// Known says that the source has answered. Then Age is the age of the list in
	// force; otherwise it is 0.
	Known bool
	Age   time.Duration
	// Stale says that the list may be out of date: it is older than the TTL, or
	// there was a broken watch, a failure or an unconfirmed empty answer since.
	Stale bool
	// Doubt says that an empty answer is waiting for confirmation.
	Doubt bool
	// Failures counts the failures in a row; Err is the last one, nil for none.
	Failures int
	Err      error
	// AskAgainIn is how long the source is not queried again; 0 if it may be now.
	AskAgainIn time.Duration
	// Asking says that a query is running; Overdue that it takes longer than the
	// lookup timeout, so that no lookup waits for it.
	Asking, Overdue bool
	// Waiting lookups, and running watches.
	Waiting, Watchers int
	// Lookups so far, and how many queries to the source they needed.
	Lookups, Asks uint64
}

// Inspect returns the state of the cache. It neither queries the source nor
// changes anything.
func (r *Registry) Inspect() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	state := State{Source: r.source.Name, Failures: r.failures, LastError: r.lastErr}
	if r.failures > 0 {
		state.SinceFailure = now.Sub(r.failedAt)
	}
	for _, s := range r.services {
		state.Services = append(state.Services, s.inspect(now))
	}
	slices.SortFunc(state.Services, func(a, b ServiceState) int { return cmp.Compare(a.Name, b.Name) })
	return state
}

func (s *service) inspect(now clock.Instant) ServiceState {
	picture := ServiceState{
		Name: s.name, Nodes: nodes(s.visible), Held: len(s.held), Known: s.known,
		Doubt: s.emptyAt != 0, Failures: s.failures, Err: s.err,
		AskAgainIn: max(s.next.Sub(now), 0), Asking: s.asking, Overdue: s.overdue,
		Waiting: len(s.waiters), Watchers: len(s.watchers), Lookups: s.lookups, Asks: s.asks,
	}
	if s.known {
		picture.Age = now.Sub(s.at)
		picture.Stale = !s.healthy() || s.expired || picture.Age >= s.ttl
	}
	return picture
}
