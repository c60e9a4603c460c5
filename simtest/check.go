// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"errors"
	"slices"
	"strings"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// checks is what the invariants remember from step to step.
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
// mailAlways is what the actors have to say among themselves.
const (
	mailPerCall = 4
	mailAlways  = 64
)

func (s *sim) checkDepth(m *mailbox) {
	if bound := mailAlways + mailPerCall*(s.inFlight()+s.world.conns-s.world.closed()); len(m.user) > bound {
		s.violatef(MailboxBounded, "%d messages wait in the mailbox of %s, and %d calls are in flight", len(m.user), m.id, s.inFlight())
	}
}

// inFlight is how many calls, streams and messages there are.
func (s *sim) inFlight() int { return len(s.live) + len(s.open) + len(s.publishing) }

func (w *world) closed() int { return w.conns - w.open }

// panicked is told of a panic that reached an actor.
func (s *sim) panicked(id string, p any) {
	s.violatef(PanicContained, "%s panicked: %v", id, p)
}

// stepped is what must hold after every step.
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

// quiet is what must hold when nothing is left to do at an instant.
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

// conserved compares what the keepers believe with the world.
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

// compare holds the client's snapshot against what was seen.
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

// checkBegin looks at an exchange that is about to begin.
func (s *sim) checkBegin(on *conn, c *call) {
	age, ttl := s.clock.now.Sub(on.opened), s.limits.TTL
	switch {
	case ttl > 0 && !on.shared() && float64(age) > spread*float64(ttl):
		s.violatef(ConnectionsConserved, "call %d uses connection %d to %s, which is %s old and may get %s, give or take 20 %%", c.id, on.number, on.server.address, age, ttl)
	case c.over:
		s.violatef(NothingAfterResult, "an exchange of call %d begins after its result", c.id)
	case !on.open && !on.shared(): // a shared one may be lent before and used after
		s.violatef(ConnectionsConserved, "call %d uses connection %d to %s, which is closed", c.id, on.number, on.server.address)
	case c.chosen != on.server.address:
		s.violatef(ConnectionsConserved, "call %d chose %s, and uses connection %d to %s", c.id, c.chosen, on.number, on.server.address)
	case on.carries() > 0 && !on.shared():
		s.violatef(ConnectionsConserved, "call %d uses connection %d to %s, which is in use", c.id, on.number, on.server.address)
	case c.begins >= c.spec.Attempts:
		s.violatef(WithinBudget, "attempt %d of call %d begins, which may make %d", c.begins+1, c.id, c.spec.Attempts)
	}
}

// checkDials looks at a dial that begins.
func (s *sim) checkDials(v *server) {
	pools := 1 // the one that is being made, if it is not published yet
	for _, p := range s.runtime.Pools() {
		if p.Address == v.address {
			pools++
		}
	}
	if v.open+v.dialing > pools*s.limits.Max {
		s.violatef(ConnectionsConserved, "%d connections to %s are open and %d dialled, and there may be %d", v.open, v.address, v.dialing, s.limits.Max)
	}
}

// checkPick looks at the node that a call chose.
func (s *sim) checkPick(c *call, ready []*messages.Node, n *messages.Node) {
	if c.picks > c.spec.Attempts {
		s.violatef(WithinBudget, "attempt %d of call %d begins, which may make %d", c.picks, c.id, c.spec.Attempts)
	}
	if n == nil || c.picks < 2 {
		return
	}
	live := s.liveNodes(c)
	if !slices.Contains(live, n.Address) {
		return
	}
	for _, r := range ready {
		if !slices.Contains(live, r.Address) {
			s.violatef(DistinctNodes, "a second attempt of call %d goes to %s, and %s could be chosen", c.id, n.Address, r.Address)
			return
		}
	}
}

// liveNodes are those that attempts of the call hold now.
func (s *sim) liveNodes(c *call) (nodes []string) {
	for _, info := range s.runtime.Desk.Calls(s.clock.now) {
		if info.Endpoint == c.plan.Endpoint {
			for _, a := range info.Attempts {
				nodes = append(nodes, a.Node)
			}
		}
	}
	return nodes
}

// executed is told of a request that reached its handler.
func (s *sim) executed(x *exchange) {
	c := x.call
	c.executions++
	s.report.Stats.Executions++
	s.noteCall("execute", c, x.conn.server.address)
	if c.executions > 1 && !c.spec.Idempotent {
		s.violatef(ExecutedOnce, "call %d is executed the %d. time, and is not idempotent", c.id, c.executions)
	}
}

// checkResult looks at the result of a call.
func (s *sim) checkResult(c *call) {
	var failed *rpcerr.CallError
	switch {
	case c.deadline != 0 && s.clock.now > c.deadline:
		s.violatef(InTime, "call %d got its result %s after its deadline", c.id, s.clock.now.Sub(c.deadline))
	case len(c.running) > 0 && c.running[0].conn.server.wire != WirePlain: // there only a close ends it, in a turn of the keeper
		s.violatef(NothingAfterResult, "call %d has its result, and its exchange with %s still runs", c.id, c.running[0].conn.server.address)
	case c.err == nil && c.decodes != 1:
		s.violatef(OwnReply, "call %d is good, and its value was touched %d times", c.id, c.decodes)
	case c.err != nil && !errors.As(c.err, &failed):
		s.violatef(OneResult, "call %d got the bare error %v", c.id, c.err)
	case attempts(c.err) > c.spec.Attempts:
		s.violatef(WithinBudget, "call %d made %d attempts, and may make %d", c.id, attempts(c.err), c.spec.Attempts)
	case c.panicked && failed != nil && !saysPanic(failed):
		s.violatef(PanicContained, "call %d failed in a panic, and says %v", c.id, c.err)
	}
}

// saysPanic reports whether an error tells of a panic, its own or that of an
// attempt before.
func saysPanic(failed *rpcerr.CallError) bool {
	return errors.Is(failed, rpcerr.ErrPanic) || slices.ContainsFunc(failed.Attempts, func(a rpcerr.Attempt) bool {
		return errors.Is(a.Err, rpcerr.ErrPanic)
	})
}

// hung looks at the calls that are left when the time is up: only those
// without any bound may be, and something must be under way for them.
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

// idle is what must hold once all calls are over.
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

// left looks for what a closed client left behind.
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
