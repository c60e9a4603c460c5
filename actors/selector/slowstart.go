// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// A node that joins others, or comes back from ejection, may have to fill its
// caches and open connections first, and all clients see it at the same moment.
// So it begins with a tenth of its share, which grows to the full share within
// warmWindow (Envoy's slow start).
const (
	warmWindow = 30 * time.Second
	warmLeast  = messages.FullShare / 10
	warmEvery  = time.Second
)

// warm begins a slow start; its time counts from the next review.
func (m *member) warm() {
	m.warming, m.warmed = true, 0
	m.node.SetShare(warmLeast)
}

// review sets the share of a member in slow start, and returns when the next
// step is due, 0 if it has its full share.
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
