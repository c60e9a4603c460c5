// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"slices"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// maxFilters bounds how many lists of a service are filtered at once. It is more
// than one so that a filter that hangs does not hold up all later lists. Beyond
// it only the newest list waits.
const maxFilters = 4

// apply filters a new list and puts it in force when that is done. Filters are
// user code and may block, so they run outside of the turn.
func (s *selector) apply(records []*registry.Service, now clock.Instant) {
	s.newest++
	s.raw = records
	if len(s.Policy.Filters) == 0 {
		s.behind = false
		s.filtered(messages.Filtered{List: s.newest, Records: records}, now)
		return
	}
	s.behind = true
	s.narrow()
}

// narrow begins to filter the newest list unless maxFilters are running.
func (s *selector) narrow() {
	if s.filters == maxFilters {
		return
	}
	s.filters++
	s.behind = false
	m, records, filters := messages.Filtered{List: s.newest}, s.raw, s.Policy.Filters
	s.Go(func() {
		guard.Ask(func() ([]*registry.Service, error) { return filter(records, filters) },
			func(kept []*registry.Service, err error) {
				m.Records, m.Err = kept, err
				s.self.Tell(m)
			})
	})
}

// filtered puts a filtered list in force and publishes the new view.
func (s *selector) filtered(m messages.Filtered, now clock.Instant) {
	switch {
	case m.List < s.applied:
		return // a newer list is in force
	case m.Err != nil:
		s.fault = m.Err // the previous list stays in force
	default:
		s.applied = m.List
		gone, turned := s.state.replace(m.Records, s.Policy)
		for _, n := range turned {
			s.Parent.Tell(messages.NodeLeaving{Node: n, Leaving: n.Record().Node.Leaving})
		}
		for _, n := range gone {
			s.Parent.Tell(messages.NodeGone{Node: n})
		}
	}
	s.publish(now)
	s.answer()
	s.review(now)
}

// filter runs the user's filters on a copy of the list. A panic in one is an
// error.
func filter(records []*registry.Service, filters []messages.Filter) (kept []*registry.Service, err error) {
	defer guard.Catch("select filter", &err)
	kept = append(kept, records...)
	for _, f := range filters {
		kept = f(kept)
	}
	for i, r := range kept {
		if r == nil || slices.Contains(r.Nodes, nil) {
			return nil, fmt.Errorf("select filter: record %d of the %d that it leaves is nil, or has a nil node", i+1, len(kept))
		}
	}
	return kept, nil
}
