// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// state decides who gets a connection and when to dial. It knows which callers
// wait and how many connections are open, and nothing of actors or sockets.
type state struct {
	limits  messages.PoolLimits
	waiters []messages.Acquire // first come, first served
	open    int                // open connections: idle, leased and shared
	dialing int
	retired bool
	leaving bool // all nodes at the address are leaving
	// multiplexed says that connections are shared: one dial serves all waiters.
	multiplexed bool
}

// leavingIdle is how long a connection to a node that is leaving may stay idle. It is
// enough for one that is still used because no other node is left.
const leavingIdle = 500 * time.Millisecond

// idleTimeout returns how long a connection may stay idle; 0 is no limit.
func (s *state) idleTimeout() time.Duration {
	limit := s.limits.IdleTimeout
	if s.leaving && (limit <= 0 || limit > leavingIdle) {
		return leavingIdle
	}
	return limit
}

// verdict is the decision on an Acquire for which no connection is available.
type verdict uint8

const (
	wait    verdict = iota // it waits; a dial may be due, see needDial
	refused                // too many wait already
	closed                 // the pool is retired
)

// enqueue adds m to the waiters if there is room.
func (s *state) enqueue(m messages.Acquire) verdict {
	switch {
	case s.retired:
		return closed
	case len(s.waiters)-max(s.limits.Max-s.open, 0) >= s.limits.Waiters:
		return refused // callers that a dial can serve do not count
	}
	s.waiters = append(s.waiters, m)
	return wait
}

// withdraw removes a waiter and reports whether it was there.
func (s *state) withdraw(m messages.Withdraw) bool {
	for i, w := range s.waiters {
		if w.Ticket == m.Ticket && w.Attempt == m.Attempt && w.ReplyTo == m.ReplyTo {
			s.waiters = remove(s.waiters, i)
			return true
		}
	}
	return false
}

// next removes and returns the first waiter whose deadline has not passed and
// that may have the connection; some need a fresh one. expired is how many it
// has removed because their deadline had passed.
func (s *state) next(now clock.Instant, fresh bool) (w messages.Acquire, expired int, ok bool) {
	for i := 0; i < len(s.waiters); {
		w = s.waiters[i]
		late := w.Deadline != 0 && now >= w.Deadline
		if !late && w.Fresh && !fresh {
			i++
			continue
		}
		s.waiters = remove(s.waiters, i)
		if !late {
			return w, expired, true
		}
		expired++
	}
	return messages.Acquire{}, expired, false
}

// remove removes waiter i; usually that is the first, which costs nothing.
func remove(waiters []messages.Acquire, i int) []messages.Acquire {
	if i == 0 {
		waiters[0] = messages.Acquire{}
		return waiters[1:]
	}
	return append(waiters[:i], waiters[i+1:]...)
}

// needDial reports whether another dial should begin: a caller waits for whom
// none is running, and Max allows it.
func (s *state) needDial() bool {
	wanted := len(s.waiters)
	if s.multiplexed {
		wanted = min(wanted, 1)
	}
	return !s.retired && s.dialing < wanted && s.open+s.dialing < s.limits.Max
}

// needRoom reports whether a caller waits for whom no dial is running because
// Max does not allow one.
func (s *state) needRoom() bool {
	return s.dialing < len(s.waiters) && s.open+s.dialing >= s.limits.Max
}

// gone reports whether the pool is retired and has neither connections nor dials
// left.
func (s *state) gone() bool { return s.retired && s.open == 0 && s.dialing == 0 }
