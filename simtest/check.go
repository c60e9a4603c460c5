// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// checks is the state that the invariants need from step to step.
type checks struct {
	accounts map[*messages.Service]*account
	nodes    map[*messages.Node]struct{}
	views    map[*messages.Service]*messages.View
}

func (k *checks) init() {
	k.accounts = make(map[*messages.Service]*account)
	k.nodes = make(map[*messages.Node]struct{})
	k.views = make(map[*messages.Service]*messages.View)
}

// mailPerCall is how many messages in one mailbox a call in flight explains;
// mailAlways is how many the actors send among themselves.
const (
	mailPerCall = 4
	mailAlways  = 64
)

func (s *sim) checkDepth(m *mailbox) {
	if bound := mailAlways + mailPerCall*(s.inFlight()+s.world.conns-s.world.closed()); len(m.user) > bound {
		s.violatef(MailboxBounded, "%d messages wait in the mailbox of %s, and %d calls are in flight", len(m.user), m.id, s.inFlight())
	}
}

// inFlight returns how many calls, streams and publishes are in flight.
func (s *sim) inFlight() int { return len(s.live) + len(s.open) + len(s.publishing) }

func (w *world) closed() int { return w.conns - w.open }

// panicked handles a panic in a turn of an actor.
func (s *sim) panicked(id string, p any) {
	s.violatef(PanicContained, "%s panicked: %v", id, p)
}

// stepped checks what must hold after every step.
func (s *sim) stepped() {
	if s.runtime == nil || s.failed {
		return
	}
	for _, p := range s.runtime.Pools() {
		if open, dialing := p.Stats.Open.Load(), p.Stats.Dialing.Load(); open < 0 || open+dialing > int64(s.limits.Max) {
			s.violatef(ConnectionsConserved, "the pool of %s has %d open connections and %d dials, and may have %d",
				p.Address, open, dialing, s.limits.Max)
		}
	}
	for _, service := range s.runtime.Services() {
		if v := service.View.Load(); v != nil && v != s.check.views[service] {
			s.checkKept(service, v)
			s.checkFloor(service, v)
			s.check.views[service] = v
		}
	}
}

func (s *sim) checkFloor(service *messages.Service, v *messages.View) {
	for _, n := range v.Nodes {
		s.check.nodes[n] = struct{}{}
	}
	if old := s.check.views[service]; old != nil && len(v.Nodes) == len(old.Nodes) {
		s.report.Stats.Ejections += max(len(old.Ready)-len(v.Ready), 0)
	}
	if want := (len(v.Nodes) + 1) / 2; len(v.Ready) < want {
		s.violatef(Floor, "%d of the %d nodes of %s can be chosen, want at least %d", len(v.Ready), len(v.Nodes), service.Name, want)
	}
}

// quiet checks what must hold when nothing is left to do at an instant.
func (s *sim) quiet() {
	if s.runtime == nil || s.failed {
		return
	}
	for _, c := range s.live {
		if c.deadline != 0 && s.clock.now >= c.deadline {
			s.violatef(InTime, "call %d has no result, and its deadline passed %s ago", c.id, s.clock.now.Sub(c.deadline))
			return
		}
		if c.picks == 0 && !c.spec.Shared && s.world.lookups == 0 {
			s.violatef(OneResult, "call %d waits for the nodes of %s, and nobody looks them up", c.id, c.spec.Service)
			return
		}
	}
	s.quietStreams()
	if n := len(s.live) + len(s.publishing); n > 0 && s.closedAt != 0 && s.clock.now >= s.closedAt.Add(tick) {
		s.violatef(OneResult, "%d calls have no result %s after the client was closed", n, s.clock.now.Sub(s.closedAt))
	}
	s.conserved()
	if s.scenario.Thorough && !s.failed {
		s.compare()
	}
}

// conserved compares the numbers of the keepers with the world.
func (s *sim) conserved() {
	for _, v := range s.world.order {
		v.keeper, v.live = 0, 0
	}
	waiters := 0
	for _, p := range s.runtime.Pools() {
		v := s.world.servers[p.Address]
		if v == nil {
			continue
		}
		idle, _ := p.Idle()
		open := p.Stats.Open.Load()
		v.keeper += open
		v.live += open - int64(idle)
		waiters += int(p.Stats.Waiters.Load())
	}
	s.report.Stats.Waits = max(s.report.Stats.Waits, waiters)
	for _, v := range s.world.order {
		// A plain connection is closed to end the wait of a stream on it, which
		// gives it back when its user asks for the next message.
		differ := func(a, b int64) bool { return a < b || a > b && v.wire != WirePlain }
		switch {
		case differ(v.keeper, int64(v.open)):
			s.violatef(ConnectionsConserved, "the keeper of %s counts %d open connections, and %d are", v.address, v.keeper, v.open)
		case v.wire != WireShared && differ(v.live, int64(v.inUse)):
			s.violatef(ConnectionsConserved, "%d connections to %s are lent, and %d are used", v.live, v.address, v.inUse)
		default:
			continue
		}
		return
	}
}

// compare compares the client's snapshot with what was observed.
func (s *sim) compare() {
	calls := s.runtime.Desk.Calls(s.clock.now)
	if n := len(s.live) + len(s.publishing) + s.openings(); len(calls) != n {
		s.violatef(OneResult, "the client knows %d calls in flight, and %d have no result", len(calls), n)
		return
	}
	holds, waits := make(map[string]int64), make(map[string]int64)
	for _, c := range calls {
		for _, a := range c.Attempts {
			holds[a.Node]++
			if a.Phase == rpcerr.PhaseAcquire.String() || a.Phase == rpcerr.PhaseDial.String() {
				waits[a.Node]++
			}
		}
	}
	for _, st := range s.runtime.Streams.Streams(s.clock.now) {
		holds[st.Node]++
	}
	for _, p := range s.runtime.Pools() {
		waits[p.Address] -= p.Stats.Waiters.Load()
	}
	for n := range s.check.nodes {
		holds[n.Address] -= n.InFlight.Load()
	}
	for _, v := range s.world.order {
		switch {
		case holds[v.address] != 0:
			s.violatef(ConnectionsConserved, "%s has %d more live attempts than permits", v.address, holds[v.address])
			return
		case waits[v.address] > 0 || -waits[v.address] > v.opened:
			s.violatef(ConnectionsConserved, "%d more attempts wait for a connection to %s than its keeper knows", waits[v.address], v.address)
			return
		}
	}
	for _, a := range s.runtime.Desk.Actors("") {
		if a.Depth > mailAlways {
			s.violatef(MailboxBounded, "%d messages wait in the mailbox of %s", a.Depth, a.ID)
			return
		}
	}
}

// spread is how much longer than its TTL a connection may live.
const spread = 1.2
