// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"cmp"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
)

// State is a picture of a cache at one moment.
type State struct {
	// Source is its name.
	Source string
	// Failures of the source so far, for all services. LastError is the last
	// of them, nil for none, and SinceFailure how long ago it was.
	Failures     uint64
	LastError    error
	SinceFailure time.Duration
	// Services in the order of their names.
	Services []ServiceState
}

// ServiceState is what a [State] says of one service.
type ServiceState struct {
	// Name of the service, and the number of nodes that lookups return.
	Name  string
	Nodes int
	// Held is how many of these the source does not name any more.
	Held int
	// Known says that the source has answered. Age is then how long ago it gave
	// the list that is in force; else it is 0.
	Known bool
	Age   time.Duration
	// Stale says that the list is older than it should be: than the TTL, or
	// than a broken watch, a failure or an empty answer that is not believed.
	Stale bool
	// Doubt says that an empty answer waits for its confirmation.
	Doubt bool
	// Failures in a row, and the last of them; nil for none.
	Failures int
	Err      error
	// AskAgainIn is for how long the source is not asked again; 0 for no bound.
	AskAgainIn time.Duration
	// Asking says that the source is being asked; Overdue that it takes longer
	// than the lookup timeout, so that nobody waits for it.
	Asking, Overdue bool
	// Waiting lookups, and running watches.
	Waiting, Watchers int
	// Lookups so far, and how many questions to the source these took.
	Lookups, Asks uint64
}

// Inspect returns a picture of the cache. It asks nobody and changes nothing.
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
