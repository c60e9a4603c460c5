// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// maxHeld bounds how many missing nodes are kept; beyond it the oldest are
// removed. A registry that replaces more nodes within one grace period is broken.
const maxHeld = 4096

// held is a node that is kept although the source no longer names it.
type held struct {
	node  *registry.Node
	of    *registry.Service // the version that it belongs to
	since clock.Instant     // when the first list without it arrived
}

// damp compares a new list with the one in force. Nodes that are missing are
// held. Nodes that were already held are released if the list contains them
// again, or if it comes late enough after the first one without them.
func (s *state) damp(list []*registry.Service, now clock.Instant) {
	has := make(map[string]bool)
	for _, v := range list {
		for _, n := range v.Nodes {
			has[n.ID] = true
		}
	}
	s.held = slices.DeleteFunc(s.held, func(h held) bool {
		return has[h.node.ID] || now >= h.since.Add(s.grace/10)
	})
	if s.grace == 0 {
		return
	}
	for _, v := range s.list {
		for _, n := range v.Nodes {
			if !has[n.ID] {
				has[n.ID] = true // hold it once even if the source had named it twice
				s.held = append(s.held, held{n, v, now})
			}
		}
	}
	if over := len(s.held) - maxHeld; over > 0 {
		s.held = slices.Delete(s.held, 0, over)
	}
}

// release removes the held nodes whose grace period is over.
func (s *state) release(now clock.Instant) (some bool) {
	before := len(s.held)
	s.held = slices.DeleteFunc(s.held, func(h held) bool { return now >= h.since.Add(s.grace) })
	return len(s.held) < before
}

// graceEnds is when the first grace ends, 0 if no node is held. The list is in
// the order of time.
func (s *state) graceEnds() clock.Instant {
	if len(s.held) == 0 {
		return 0
	}
	return s.held[0].since.Add(s.grace)
}

// withHeld returns the list with the held nodes behind the other nodes of their
// version. A version that is no longer in the list is appended.
func (s *state) withHeld() []*registry.Service {
	if len(s.held) == 0 {
		return s.list
	}
	merged := slices.Clone(s.list)
	own := make(map[string]int) // by version: where its copy stands
	for _, h := range s.held {
		at, ok := own[h.of.Version]
		if !ok {
			at = slices.IndexFunc(merged, func(v *registry.Service) bool { return v.Version == h.of.Version })
			var record registry.Service
			if at < 0 {
				at = len(merged)
				record = *h.of
				record.Nodes = nil
				merged = append(merged, &record)
			} else {
				record = *merged[at]
				record.Nodes = slices.Clone(record.Nodes)
				merged[at] = &record
			}
			own[h.of.Version] = at
		}
		leaving := *h.node
		leaving.Leaving = true
		merged[at].Nodes = append(merged[at].Nodes, &leaving)
	}
	return merged
}
