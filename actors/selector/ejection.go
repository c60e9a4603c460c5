// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// When a node is ejected, and for how long (Finagle: after 5 consecutive
// failures, for 5 s to 300 s with equal jitter, then one probe). If connections
// are refused, a probe costs a call next to nothing, so it comes sooner and finds
// a restarted node quickly (Finagle's FailFast: 1 s to 32 s).
const (
	faultsToEject = 5
	ejectBase     = 5 * time.Second
	ejectCap      = 300 * time.Second
	refusedBase   = time.Second
	refusedCap    = 32 * time.Second
)

// holdFloor ends ejections early, the ones that would end first, while more than
// half of the nodes are ejected.
func (s *state) holdFloor() {
	for s.ejected() > len(s.members)/2 {
		var first *member
		for _, m := range s.members {
			if m.ejected() && (first == nil || m.until < first.until) {
				first = m
			}
		}
		s.probe(first)
	}
}

// probe ends an ejection. The node has to be tried, so its past faults no longer
// count against it; but it gets only one call at a time, and the first fault
// ejects it again.
func (s *state) probe(m *member) {
	m.node.Health.Store(uint32(messages.Probing))
	m.success = 1
	if s.typical > 0 {
		m.latency = min(m.latency, s.typical)
	}
	m.publish()
}

// fault records a connection fault or timeout, and reports whether the health of
// any node has changed. It folds the tallies first, because an answer ends a
// series of faults.
func (s *state) fault(f messages.Mark, now clock.Instant) bool {
	m := s.byID[keyOf(f.Node)]
	if m == nil || m.node != f.Node {
		return false // the node was removed
	}
	healed := s.fold(now)
	m.node.Faults.Add(1)
	m.node.Fault.Store(&messages.Fault{Err: f.Err, At: now})
	m.faults++
	m.seen = now
	m.success -= m.success / window
	m.publish()
	health := messages.Health(m.node.Health.Load())
	next := messages.Ejected
	if !s.mayEject() {
		next = messages.Shunned
	}
	if health == messages.Ejected || health == next || health == messages.Healthy && m.faults < faultsToEject {
		return healed
	}
	if health != messages.Shunned {
		m.ejections++
		m.until = now.Add(s.ejection(m.ejections, f.Refused))
		m.node.Until.Store(int64(m.until))
	}
	m.node.Health.Store(uint32(next))
	return true
}

// mayEject reports whether one more node may be ejected. At least half of the
// nodes stay selectable, so that a fault of all nodes, or of the client itself,
// does not leave it without any. A node that may not be ejected is shunned.
func (s *state) mayEject() bool { return s.ejected()+1 <= len(s.members)/2 }

func (s *state) ejected() (n int) {
	for _, m := range s.members {
		if m.ejected() {
			n++
		}
	}
	return n
}

func (m *member) shunned() bool { return messages.Health(m.node.Health.Load()) == messages.Shunned }

func (m *member) ejected() bool { return messages.Health(m.node.Health.Load()) == messages.Ejected }

// ejection returns the length of the n-th consecutive ejection: it doubles, with
// equal jitter so that many clients do not return at the same moment.
func (s *state) ejection(n int, refused bool) time.Duration {
	d, top := ejectBase, ejectCap
	if refused {
		d, top = refusedBase, refusedCap
	}
	d = min(d<<min(n-1, 10), top)
	return d/2 + time.Duration(s.dice.Float()*float64(d/2))
}

// review ends ejections and shunning that are over, and advances slow starts. It
// returns whether an ejection ended, and when to review again (0: no need).
func (s *state) review(now clock.Instant) (changed bool, next clock.Instant) {
	for _, m := range s.members {
		if m.warming {
			next = clock.Earlier(next, m.review(now))
		}
		if !m.ejected() && !m.shunned() {
			continue
		}
		if now >= m.until {
			s.probe(m)
			changed = true
			continue
		}
		next = clock.Earlier(next, m.until)
	}
	return changed, next
}

// heal makes the member healthy and resets its ejections.
func (m *member) heal() {
	m.node.Health.Store(uint32(messages.Healthy))
	m.ejections = 0
}
