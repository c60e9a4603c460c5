// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"math"
	"time"

	"example.com/mailcall/internal/clock"
)

// maxTTL keeps a very long TTL within the range of a duration.
const maxTTL = float64(math.MaxInt64 / 2)

// expiry returns when a connection opened now expires: after the TTL plus or
// minus 20 %, so that connections that were opened together are not all replaced
// at once.
func (k *keeper) expiry(now clock.Instant) clock.Instant {
	ttl := k.state.limits.TTL
	if ttl <= 0 {
		return 0
	}
	return now.Add(time.Duration(min(float64(ttl)*(0.8+0.4*k.Dice.Float()), maxTTL)))
}

// setLeaving begins or ends the time in which idle connections are closed soon,
// because all nodes at the address are leaving.
func (k *keeper) setLeaving(leaving bool) {
	k.state.leaving = leaving
	k.tends = false // the timer may be set too late
}

// tend closes idle and expired connections.
func (k *keeper) tend() {
	k.tends = false
	now := k.Clock.Now()
	since := clock.Instant(0)
	if limit := k.state.idleTimeout(); limit > 0 {
		since = now.Add(-limit)
	}
	for _, c := range k.Pool.Reap(now, since) {
		k.discard(c)
	}
	k.tendShared(now)
}

// tendLater arms the timer while there is a connection that can expire.
func (k *keeper) tendLater() {
	hurry := len(k.leaving) > 0
	if k.state.open == 0 || k.tends && (k.hurries || !hurry) {
		return
	}
	every := k.state.idleTimeout()
	if ttl := k.state.limits.TTL; every <= 0 || ttl > 0 && ttl < every {
		every = ttl
	}
	every -= every / 2 // rounded up, because 0 is never
	if hurry && (every <= 0 || every > leaveEvery) {
		every = leaveEvery
	}
	if every > 0 {
		k.tends, k.hurries = true, hurry
		k.timer.Reset(k.Clock.Now().Add(max(every, time.Millisecond)))
	}
}
