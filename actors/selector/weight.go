// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"math"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// A node that is new among others, or comes back from ejection, may have to
// fill caches and connections first, and every client sees it at the same
// moment. So it gets a tenth of its share, which grows to all of it within the
// window (Envoy's slow start).
const (
	warmWindow = 30 * time.Second
	warmLeast  = messages.FullShare / 10
	warmEvery  = time.Second
)

// warm begins to warm the member up; the next review sets the clock.
func (m *member) warm() {
	m.warming, m.warmed = true, 0
	m.node.SetShare(warmLeast)
}

// review gives a member that warms up the share of the time it has had, and
// returns when it is due for more, 0 if it has all.
func (m *member) review(now clock.Instant) (next clock.Instant) {
	if m.warmed == 0 {
		m.warmed = now
	}
	spent := now.Sub(m.warmed)
	if spent >= warmWindow {
		m.warming = false
		m.node.SetShare(messages.FullShare)
		return 0
	}
	m.node.SetShare(max(warmLeast, int(messages.FullShare*spent/warmWindow)))
	return now.Add(warmEvery)
}

// publish makes the member's numbers visible to those who pick.
func (m *member) publish() {
	rate := max(m.success, minSuccess)
	m.node.SetWeight(m.latency / (rate * rate))
	m.node.SetLatency(time.Duration(m.latency))
}

// fold takes the tallies of answered attempts into the averages. It reports
// whether some node's health changed.
func (s *state) fold(now clock.Instant) (changed bool) {
	answers, times := 0.0, 0.0
	for _, m := range s.members {
		n := m.node.Answers.Swap(0)
		if n == 0 {
			continue
		}
		m.node.Total.Add(n)
		s.answered += n
		took := float64(m.node.AnswerTime.Swap(0))
		answers, times = answers+float64(n), times+took
		m.observe(took/float64(n), now)
		m.success += (1 - m.success) * (1 - math.Pow(1-1.0/successWindow, float64(n)))
		m.faults = 0
		switch messages.Health(m.node.Health.Load()) {
		case messages.Probing:
			m.warm()
			m.heal()
			changed = true
		case messages.Shunned:
			m.heal()
		default: // an ejected node answers what was asked before
		}
		m.publish()
	}
	if answers > 0 {
		s.forgive(times/answers, now)
	}
	return changed
}

// heal forgets the ejections.
func (m *member) heal() {
	m.node.Health.Store(uint32(messages.Healthy))
	m.ejections = 0
}

// observe moves the average towards mean: up at once, down with the time
// constant.
func (m *member) observe(mean float64, now clock.Instant) {
	switch elapsed := now.Sub(m.seen); {
	case !m.known || mean > m.latency:
		m.latency = mean
	default:
		w := float64(elapsed) / float64(elapsed+latencyTau)
		m.latency += (mean - m.latency) * w
	}
	m.known, m.seen = true, now
	m.node.Doubt.Store(false)
}

// forgive lets what is known of a node that answered nothing lately fade to
// what is usual, with the time constant: who is never chosen because it was
// slow once, or failed, could not show otherwise. Its next answer is told at
// once.
func (s *state) forgive(usual float64, now clock.Instant) {
	s.typical = usual
	for _, m := range s.members {
		fade := math.Exp(-float64(now.Sub(m.seen)) / float64(latencyTau))
		switch {
		case m.seen == now, m.ejected():
			continue
		case !m.known:
			m.latency = usual
		case m.latency > usual:
			m.latency = usual + (m.latency-usual)*fade
			m.node.Doubt.Store(true)
		}
		m.success += (1 - m.success) * (1 - fade)
		m.seen = now
		m.publish()
	}
}

// outrun takes into account that an attempt at the node was given up after
// this time because another one had answered: it would have taken longer.
func (s *state) outrun(node *messages.Node, after time.Duration, now clock.Instant) {
	m := s.byID[keyOf(node)]
	if m == nil || m.node != node || float64(after) <= m.latency {
		return
	}
	m.observe(float64(after), now)
	m.publish()
}
