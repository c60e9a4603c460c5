// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// asked is a connection that keeps how long it was said to be idle.
type asked struct {
	transport.Exclusive
	idle time.Duration
}

func (a *asked) Ready(idle time.Duration) bool {
	a.idle = idle
	return true
}

// What the reaper leaves is taken in the order in which it was used, the last first: so
// that those that are not needed become older, and are closed in their turn.
func TestOrderAfterReap(t *testing.T) {
	p := new(Pool)
	p.Resize(9)
	var conns []*Conn
	for at := range clock.Instant(4) {
		c := NewConn(new(asked), p, 1, 0)
		conns = append(conns, c)
		if back := p.Put(c, at+1); back != nil {
			t.Fatalf("got connection %d back, want it kept", at)
		}
	}
	if gone := p.Reap(5, 2); len(gone) != 1 || gone[0] != conns[0] {
		t.Errorf("got %v reaped, want the first", gone)
	}
	for i := 3; i > 0; i-- {
		if got := p.Take(5); got != conns[i] {
			t.Errorf("got %p taken, want %p, number %d", got, conns[i], i)
		}
	}
}

// A connection that was returned since the turn of its next user began has been idle,
// if only for a moment: a peer may have closed it.
func TestIdleTimeOfAConnectionReturnedJustNow(t *testing.T) {
	for _, now := range []clock.Instant{4, 5, 6} {
		p, wire := new(Pool), new(asked)
		p.Resize(1)
		p.Put(NewConn(wire, p, 1, 0), 5)
		if p.Take(now) == nil || wire.idle <= 0 {
			t.Errorf("got %s idle at %d, want more than 0", wire.idle, now)
		}
	}
}
