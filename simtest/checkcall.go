// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"errors"
	"slices"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// checkBegin checks an exchange that is about to begin.
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

// checkDials checks a dial that begins.
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

// checkPick checks the node that a call has chosen.
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

// liveNodes returns the nodes of the call's live attempts.
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

// executed checks a request that has reached its handler.
func (s *sim) executed(x *exchange) {
	c := x.call
	c.executions++
	s.report.Stats.Executions++
	s.noteCall("execute", c, x.conn.server.address)
	if c.executions > 1 && !c.spec.Idempotent {
		s.violatef(ExecutedOnce, "call %d is executed the %d. time, and is not idempotent", c.id, c.executions)
	}
}

// checkResult checks the result of a call.
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

// saysPanic reports whether the cause, or an earlier attempt, is a panic.
func saysPanic(failed *rpcerr.CallError) bool {
	return errors.Is(failed, rpcerr.ErrPanic) || slices.ContainsFunc(failed.Attempts, func(a rpcerr.Attempt) bool {
		return errors.Is(a.Err, rpcerr.ErrPanic)
	})
}
