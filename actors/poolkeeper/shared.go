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

// leaveEvery is how often the keeper looks whether a shared connection that
// nobody may begin on any more carries something still.
const leaveEvery = 50 * time.Millisecond

// share publishes a connection that everybody may use, and lends it to all who
// wait.
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

// roomier returns the shared connection that carries least, unless that is as
// full as the one that the caller comes from.
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

// crowded is the answer to a caller for whom no connection has room and none
// may be opened.
func (k *keeper) crowded() error {
	return fmt.Errorf("pool of %s: all %d connections carry as many exchanges as they may (PoolMax): %w",
		k.Pool.Address, k.state.open, rpcerr.ErrOverloaded)
}

// leave takes a connection off the list. It is closed when nothing runs on it
// any more.
func (k *keeper) leave(c *messages.Conn) {
	i := slices.Index(k.shared, c)
	if i < 0 {
		return // somebody has said so before
	}
	k.shared = slices.Delete(slices.Clone(k.shared), i, i+1)
	k.Pool.Share(k.shared)
	k.leaving = append(k.leaving, c)
	k.closeQuiet()
}

// closeQuiet closes what has left and carries nothing.
func (k *keeper) closeQuiet() {
	k.leaving = slices.DeleteFunc(k.leaving, func(c *messages.Conn) bool {
		if c.Running() > 0 {
			return false
		}
		k.discard(c)
		return true
	})
}

// prune takes the connections off the list that take nothing any more.
func (k *keeper) prune() {
	for _, c := range k.shared {
		if !c.Ready(0) {
			k.leave(c)
		}
	}
}

// tendShared looks after age and idleness of shared connections.
func (k *keeper) tendShared(now clock.Instant) {
	k.prune()
	for _, c := range k.shared {
		if begun := c.Begun(); begun != c.Quiet || c.Running() > 0 {
			c.Quiet, c.QuietAt = begun, now
		}
		idle := k.state.limits.IdleTimeout
		if c.Expires != 0 && c.Expires <= now || idle > 0 && now.Sub(c.QuietAt) >= idle {
			k.leave(c)
		}
	}
	k.closeQuiet()
}
