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
	m.node.SetWeight((m.latency + noise) / (rate * rate))
	m.node.SetLatency(time.Duration(m.latency))
}

// fold takes the tallies of answered attempts into the averages. It reports
// whether some node's health changed.
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
		// The first answers have more of it: while they are few, all count the same.
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
		default: // an ejected node answers what was asked before
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

// shareOf is the share that n answers have in an average over a window.
func shareOf(n int64) float64 { return 1 - math.Pow(1-1.0/window, float64(n)) }

// learn moves what is usual towards the harmonic mean of the nodes that
// answered, and does so harmonically: those that are slow just now say little
// about the others.
func (s *state) learn(mean, share float64) {
	if s.typical == 0 {
		s.typical = mean
	}
	s.typical = 1 / ((1-share)/s.typical + share/mean)
	s.usual.Set(s.typical + noise)
}

// heal forgets the ejections.
func (m *member) heal() {
	m.node.Health.Store(uint32(messages.Healthy))
	m.ejections = 0
}

// observe moves the average towards mean: by the share that so many answers have
// in it, or with the time constant if that is more. What is far above it, or of a
// new node far above what is usual (0: nobody knows), counts at once, but not the
// first time: anybody may be held up once. That makes the node suspect, and the
// next answer tells.
func (m *member) observe(mean, share, usual float64, now clock.Instant) {
	if !m.known {
		m.latency = mean
		if usual > 0 && far(mean, usual) {
			m.latency = usual
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
	if !far(m.latency, mean) { // else it may be well again, and need not wait to show that
		m.heard, m.missed = now, 0
		m.node.Unheard.Store(false)
	}
	m.known, m.seen = true, now
	m.node.Doubt.Store(m.suspect)
}

// peak is how many times the average far above it is; less may be noise.
const peak = 4

// noise is added to latencies, in nanoseconds, before they are compared: by so
// much an answer may be late because a processor had something else to do. Where
// a call takes no longer than that, it must not decide who gets the next.
const noise = float64(250 * time.Microsecond)

// far reports whether a latency is far above another.
func far(latency, other float64) bool { return latency+noise > peak*(other+noise) }

// A node that is avoided is tried again once the others have given so many
// answers since it was last heard of, and this time has passed: so few calls
// meet a node that is slow for long that the slowest hundredth does not show it.
// Where the others have much to do, that is a quarter of either.
const (
	tryAgain      = 1000
	tryAgainAfter = time.Second
)

// forgive lets what is known of a node that answered nothing lately, while the
// others gave so many answers, fade to what is usual, with the time constant: who
// is never chosen because it was slow once, or failed, could not show otherwise.
// On a busy service it need not wait for that: now and then one call tries.
func (s *state) forgive(answers int64, now clock.Instant) {
	usual := s.typical
	for _, m := range s.members {
		if m.seen == now || m.ejected() {
			continue
		}
		fade := math.Exp(-float64(now.Sub(m.seen)) / float64(latencyTau))
		m.missed += answers
		m.node.Unheard.Store(m.missed >= tryAgain/4 && now.Sub(m.heard) >= tryAgainAfter/4)
		switch {
		case !m.known:
			m.latency = usual
		case m.once && far(m.latency, usual):
			// It was the first of all, and nobody knew what is usual.
			m.latency, m.suspect, m.once = usual, true, false
			m.node.Doubt.Store(true)
		case m.missed >= tryAgain && now.Sub(m.heard) >= tryAgainAfter && m.latency > usual:
			m.latency, m.suspect = usual, true
			m.node.Doubt.Store(true)
		case m.latency > usual:
			m.latency = usual + (m.latency-usual)*fade
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
	m.suspect = true // that it was outrun is the second thing to be said of it
	m.observe(float64(after), 0, s.typical, now)
	m.publish()
}
