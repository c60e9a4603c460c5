// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"slices"
	"strings"
)

// hung checks the calls that are left at the horizon: only those without any bound
// may be, and something must be in progress for each.
func (s *sim) hung() {
	if s.failed || s.runtime == nil {
		return
	}
	for _, c := range s.live {
		if c.deadline != 0 {
			s.violatef(InTime, "call %d has no result at the end of the run", c.id)
			return
		}
	}
	for _, st := range s.open {
		if st.bound != 0 && st.inner != nil || st.limit != 0 && st.inner == nil {
			s.violatef(StreamEnds, "stream %d has not ended at the end of the run", st.id)
			return
		}
	}
	for _, info := range s.runtime.Desk.Calls(s.clock.now) {
		if len(info.Attempts) == 0 {
			s.violatef(OneResult, "a call of %s waits for ever, and no attempt of it is alive", info.Service)
			return
		}
	}
}

// idle checks what must hold once all calls have ended.
func (s *sim) idle() {
	for n := range s.check.nodes {
		if held := n.InFlight.Load(); held != 0 {
			s.violatef(ConnectionsConserved, "%d permits of %s are still held, and no call is in flight", held, n.Address)
			return
		}
	}
	for _, v := range s.world.order {
		for _, c := range v.conns {
			if n := c.carries(); n > 0 {
				s.violatef(ConnectionsConserved, "connection %d to %s still carries %d exchanges or streams, and nothing is in flight", c.number, v.address, n)
				return
			}
		}
	}
	for _, p := range s.runtime.Pools() {
		idle, _ := p.Idle()
		lent := p.Stats.Open.Load() - int64(idle)
		if v := s.world.servers[p.Address]; v == nil || v.wire == WireShared {
			lent = 0
		}
		if open, waiters := p.Stats.Open.Load(), p.Stats.Waiters.Load(); lent != 0 || waiters != 0 {
			s.violatef(ConnectionsConserved, "the pool of %s has %d open connections, %d idle and %d waiters, and no call is in flight",
				p.Address, open, idle, waiters)
			return
		}
	}
}

// left checks that a closed client has left nothing behind.
func (s *sim) left(over bool) {
	left := s.runtime.Snapshot().Actors
	actors := make([]string, 0, len(left))
	for _, a := range left {
		actors = append(actors, a.ID)
	}
	slices.Sort(actors)
	switch {
	case s.over < len(s.calls):
		s.violatef(OneResult, "%d calls have no result after the client was closed", len(s.calls)-s.over)
	case len(s.open) > 0:
		s.violatef(StreamEnds, "stream %d has not ended after the client was closed", s.open[0].id)
	case len(s.publishing) > 0:
		s.violatef(OneResult, "publish %d has no result after the client was closed", s.publishing[0].id)
	case len(s.followers) > 0:
		s.violatef(NothingLeft, "%d contexts have not ended", len(s.followers))
	case len(s.routines) > 0:
		s.violatef(NothingLeft, "%d routines still wait for something", len(s.routines))
	case !over || len(actors) > 0:
		s.violatef(NothingLeft, "these actors are left: %s", strings.Join(actors, ", "))
	case len(s.clock.armed) > 0:
		s.violatef(NothingLeft, "%d timers are left", len(s.clock.armed))
	case s.world.open > 0 || s.world.dialing > 0:
		s.violatef(NothingLeft, "%d connections and %d dials are left", s.world.open, s.world.dialing)
	case len(s.world.watchers) > 0:
		s.violatef(NothingLeft, "%d watches of the registry are left", len(s.world.watchers))
	default:
		s.idle()
	}
}
