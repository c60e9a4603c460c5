// SPDX-License-Identifier: Apache-2.0

package poolkeeper

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
)

// state decides. It knows who waits and what is open, and nothing of actors,
// sockets or time.
type state struct {
	limits  messages.PoolLimits
	waiters []messages.Acquire // first come, first served
	open    int                // idle and lent connections
	dialing int
	retired bool
	// multiplexed: connections are shared, so one dial serves all who wait
	multiplexed bool
}

// verdict is what becomes of an Acquire that found no idle connection.
type verdict uint8

const (
	wait    verdict = iota // it waits, and a dial is due if needDial says so
	refused                // as many wait as may
	closed                 // the pool is retired
)

// enqueue lets m wait, if there is room.
func (s *state) enqueue(m messages.Acquire) verdict {
	switch {
	case s.retired:
		return closed
	case len(s.waiters)-max(s.limits.Max-s.open, 0) >= s.limits.Waiters:
		return refused // whoever a dial can serve does not count
	}
	s.waiters = append(s.waiters, m)
	return wait
}

// withdraw forgets a waiter and reports whether there was one.
func (s *state) withdraw(m messages.Withdraw) bool {
	for i, w := range s.waiters {
		if w.Ticket == m.Ticket && w.Attempt == m.Attempt && w.ReplyTo == m.ReplyTo {
			s.waiters = append(s.waiters[:i], s.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// next removes the first waiter whose deadline has not passed, of those who
// may have the connection: some want a fresh one. expired counts those that it
// skipped, who have their own timer and will withdraw in vain.
func (s *state) next(now clock.Instant, fresh bool) (w messages.Acquire, expired int, ok bool) {
	for i := 0; i < len(s.waiters); {
		w = s.waiters[i]
		switch late := w.Deadline != 0 && now >= w.Deadline; {
		case late:
			expired++
		case w.Fresh && !fresh:
			i++
			continue
		}
		s.waiters = remove(s.waiters, i)
		if w.Deadline == 0 || now < w.Deadline {
			return w, expired, true
		}
	}
	return messages.Acquire{}, expired, false
}

// remove takes out one waiter; the first, mostly, which costs nothing.
func remove(waiters []messages.Acquire, i int) []messages.Acquire {
	if i == 0 {
		waiters[0] = messages.Acquire{}
		return waiters[1:]
	}
	return append(waiters[:i], waiters[i+1:]...)
}

// needDial reports whether one more dial should begin: somebody waits for
// whom no dial is under way, and the bound leaves room.
func (s *state) needDial() bool {
	wanted := len(s.waiters)
	if s.multiplexed {
		wanted = min(wanted, 1)
	}
	return !s.retired && s.dialing < wanted && s.open+s.dialing < s.limits.Max
}

// needRoom reports whether somebody waits for whom no dial is under way because
// the bound leaves no room for one.
func (s *state) needRoom() bool {
	return s.dialing < len(s.waiters) && s.open+s.dialing >= s.limits.Max
}

// gone reports whether a retired pool has nothing left to wait for.
func (s *state) gone() bool { return s.retired && s.open == 0 && s.dialing == 0 }
