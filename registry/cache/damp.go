// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// maxHeld bounds the nodes that are kept after they disappeared; the oldest go
// first. A registry that replaces more nodes within one grace is broken or
// lies.
const maxHeld = 4096

// held is a node that the source did not name any more.
type held struct {
	node  *registry.Node
	of    *registry.Service // the version that it was in
	since clock.Instant     // when the first list without it came
}

// damp compares a new list with what is known: nodes that it has not are held,
// those held before are let go if it is the second list without them and comes
// late enough, or if it has them again.
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
				has[n.ID] = true // once, should the source have named it twice
				s.held = append(s.held, held{n, v, now})
			}
		}
	}
	if over := len(s.held) - maxHeld; over > 0 {
		s.held = slices.Delete(s.held, 0, over)
	}
}

// release lets go of the nodes whose grace is over.
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

// withHeld returns the list with the held nodes behind the others of their
// version. A version that is not in the list any more comes at its end.
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
