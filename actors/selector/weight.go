// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"math"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// publish makes the member's weight and latency visible to pickers.
func (m *member) publish() {
	rate := max(m.success, minSuccess)
	m.node.SetWeight((m.latency + noise) / (rate * rate))
	m.node.SetLatency(time.Duration(m.latency))
}

// fold adds the tallies of answered attempts to the averages, and reports
// whether the health of any node has changed.
func (s *state) fold(now clock.Instant) (changed bool) {
	answers, paces := 0.0, 0.0
	for _, m := range s.members {
		n := m.node.Answers.Swap(0)
		if n == 0 {
			continue
		}
		m.node.Total.Add(n)
		s.answered += n
		mean := max(float64(m.node.AnswerTime.Swap(0))/float64(n), 1)
		answers, paces = answers+float64(n), paces+float64(n)/mean
		m.answers += n
		share := shareOf(n)
		// The first answers weigh more: while there are few, all count the same.
		m.observe(mean, max(share, float64(n)/float64(m.answers)), s.typical, now)
		m.success += (1 - m.success) * share
		m.faults = 0
		switch messages.Health(m.node.Health.Load()) {
		case messages.Probing:
			m.warm()
			m.heal()
			changed = true
		case messages.Shunned:
			m.heal()
		default: // an ejected node answers calls that began before the ejection
		}
		m.publish()
	}
	if answers > 0 {
		s.folded += answers
		s.learn(answers/paces, max(shareOf(int64(answers)), answers/s.folded))
		s.forgive(int64(answers), now)
	}
	return changed
}

// shareOf returns the weight of n answers in an average over window answers.
func shareOf(n int64) float64 { return 1 - math.Pow(1-1.0/window, float64(n)) }

// learn moves the typical latency towards the harmonic mean of the nodes that
// answered. Harmonic averages give little weight to nodes that are slow just
// now, which say little about the others.
func (s *state) learn(mean, share float64) {
	if s.typical == 0 {
		s.typical = mean
	}
	s.typical = 1 / ((1-share)/s.typical + share/mean)
	s.typicalCost.Set(s.typical + noise)
}

// observe moves the member's average latency towards mean, by share or by the
// time constant, whichever is more. A mean that is far above the average (for a
// new node: above typical, 0 if unknown) is ignored the first time, because any
// node may be held up once; it makes the node suspect. The second time in a row
// it replaces the average.
func (m *member) observe(mean, share, typical float64, now clock.Instant) {
	if !m.known {
		m.latency = mean
		if typical > 0 && far(mean, typical) {
			m.latency = typical
		}
	}
	elapsed, late := now.Sub(m.seen), far(mean, m.latency)
	switch {
	case late && m.suspect:
		m.latency = mean
	case !late:
		w := float64(elapsed) / float64(elapsed+latencyTau)
		m.latency += (mean - m.latency) * max(w, share)
	}
	m.suspect = late && !m.suspect
	m.once = !m.known
	if !far(m.latency, mean) { // else the node may have recovered: it is tried again soon
		m.heard, m.missed = now, 0
		m.node.Unheard.Store(false)
	}
	m.known, m.seen = true, now
	m.node.Doubt.Store(m.suspect)
}

// peak is how many times the average counts as far above it; less may be noise.
const peak = 4

// noise is added to latencies, in nanoseconds, before they are compared. An
// answer may be late by that much because a processor was busy; where calls take
// no longer than that, it must not decide which node is chosen.
const noise = float64(250 * time.Microsecond)

// far reports whether a latency is far above another.
func far(latency, other float64) bool { return latency+noise > peak*(other+noise) }

// outrun records that an attempt at the node was cancelled after this time
// because another attempt had answered: it would have taken at least that long.
func (s *state) outrun(node *messages.Node, after time.Duration, now clock.Instant) {
	m := s.byID[keyOf(node)]
	if m == nil || m.node != node || float64(after) <= m.latency {
		return
	}
	m.suspect = true // the hedge already proved it slow, so this counts at once
	m.observe(float64(after), 0, s.typical, now)
	m.publish()
}
