// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"math"
	"time"

	"example.com/mailcall/internal/clock"
)

// A node that is avoided is tried again once the others have given tryAgain
// answers since its last one and tryAgainAfter has passed. That is rare enough
// that a node which stays slow does not show in the 99th percentile. While the
// other nodes are heavily loaded, a quarter of both is enough.
const (
	tryAgain      = 1000
	tryAgainAfter = time.Second
)

// forgive lets the averages of nodes that have not answered lately, while the
// others gave this many answers, fade towards the typical ones. Otherwise a node
// that is never chosen because it was slow or failed once could not show that it
// has recovered. On a busy service a single call tries it before that.
func (s *state) forgive(answers int64, now clock.Instant) {
	typical := s.typical
	for _, m := range s.members {
		if m.seen == now || m.ejected() {
			continue
		}
		fade := math.Exp(-float64(now.Sub(m.seen)) / float64(latencyTau))
		m.missed += answers
		m.node.Unheard.Store(m.missed >= tryAgain/4 && now.Sub(m.heard) >= tryAgainAfter/4)
		switch {
		case !m.known:
			m.latency = typical
		case m.once && far(m.latency, typical):
			// Its only observation was made before the typical latency was known.
			m.latency, m.suspect, m.once = typical, true, false
			m.node.Doubt.Store(true)
		case m.missed >= tryAgain && now.Sub(m.heard) >= tryAgainAfter && m.latency > typical:
			m.latency, m.suspect = typical, true
			m.node.Doubt.Store(true)
		case m.latency > typical:
			m.latency = typical + (m.latency-typical)*fade
		}
		m.success += (1 - m.success) * (1 - fade)
		m.seen = now
		m.publish()
	}
}
