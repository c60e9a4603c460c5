// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// leaveEvery is how often the keeper checks whether leaving connections still
// carry an exchange.
const leaveEvery = 50 * time.Millisecond

// share publishes a shared connection and gives it to all waiting callers.
func (k *keeper) share(c *messages.Conn, now clock.Instant) {
	c.QuietAt = now
	k.shared = append(slices.Clone(k.shared), c)
	k.Pool.Share(k.shared)
	if k.state.retired {
		k.leave(c)
		return
	}
	for {
		w, ok := k.first(now, true)
		if !ok {
			return
		}
		k.lend(w, c)
	}
}

// roomier returns the shared connection that carries the fewest exchanges, or
// nil if it has no more room than full, which has refused the caller.
func (k *keeper) roomier(full *messages.Conn) *messages.Conn {
	if len(k.shared) == 0 {
		return nil
	}
	c := slices.MinFunc(k.shared, func(a, b *messages.Conn) int { return cmp.Compare(a.Running(), b.Running()) })
	if c == full || !c.Ready(0) || c.Running() >= full.Running() {
		return nil
	}
	return c
}

// crowded returns the error for a caller that no shared connection has room for
// while no other may be opened.
func (k *keeper) crowded() error {
	return fmt.Errorf("pool of %s: all %d connections carry as many exchanges as they may (PoolMax): %w",
		k.Pool.Address, k.state.open, rpcerr.ErrOverloaded)
}

// leave takes a shared connection off the list, so that no exchange begins on it,
// and closes it once it carries none.
func (k *keeper) leave(c *messages.Conn) {
	i := slices.Index(k.shared, c)
	if i < 0 {
		return // it has left already
	}
	k.shared = slices.Delete(slices.Clone(k.shared), i, i+1)
	k.Pool.Share(k.shared)
	k.leaving = append(k.leaving, c)
	k.closeQuiet()
}

// closeQuiet closes the leaving connections that carry no exchange.
func (k *keeper) closeQuiet() {
	k.leaving = slices.DeleteFunc(k.leaving, func(c *messages.Conn) bool {
		if c.Running() > 0 {
			return false
		}
		k.discard(c)
		return true
	})
}

// prune takes connections off the list that accept no new exchanges.
func (k *keeper) prune() {
	for _, c := range k.shared {
		if !c.Ready(0) {
			k.leave(c)
		}
	}
}

// tendShared retires shared connections that have expired or are idle.
func (k *keeper) tendShared(now clock.Instant) {
	k.prune()
	for _, c := range k.shared {
		if begun := c.Begun(); begun != c.Quiet || c.Running() > 0 {
			c.Quiet, c.QuietAt = begun, now
		}
		idle := k.state.idleTimeout()
		if c.Expires != 0 && c.Expires <= now || idle > 0 && now.Sub(c.QuietAt) >= idle {
			k.leave(c)
		}
	}
	k.closeQuiet()
}
