// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

// overhear reads the messages of the actors before they do. It makes the retrier
// answer to the spy, which passes the answer on.
func (s *sim) overhear(id string, message any) any {
	switch m := message.(type) {
	case messages.Judge:
		s.asked = m
		m.ReplyTo = messages.NewRef[messages.SupervisorMessage](s.system, s.spy)
		return m
	case messages.Refund:
		a := s.account(m.Service)
		a.tokens++
		a.granted--
	case messages.OpenPool:
		if v := s.world.servers[m.Node.Address]; v != nil {
			v.opened++
		}
	case messages.Mark:
		s.note("mark", id, m.Node.Address)
	}
	return message
}

// spy stands between the retrier and the calls.
type spy struct{ sim *sim }

// SendUserMessage implements actor.Process.
func (p spy) SendUserMessage(_ *actor.PID, message any) {
	if m, ok := actor.UnwrapEnvelopeMessage(message).(messages.Judged); ok {
		asked := p.sim.asked
		p.sim.judged(asked, m)
		asked.ReplyTo.Tell(m)
	}
}

// SendSystemMessage implements actor.Process.
func (spy) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (spy) Stop(*actor.PID) {}

// account is what the simulation itself knows about the budget of a service.
type account struct {
	tokens  float64 // what the bucket can hold at most
	at      clock.Instant
	granted float64
	answers float64 // in all, and not yet seen at a grant
	fresh   float64
}

// slack is what the bucket may hold more than the account says: the client
// counts answers in batches, so they can fill it a second time.
func slack(b messages.Budget) float64 { return b.Max + 1 }

func (s *sim) judged(asked messages.Judge, m messages.Judged) {
	s.note("judged", m.Why)
	c := asked.Case
	switch {
	case !m.Again:
		s.report.Stats.Denied++
		return
	case c.Hedge:
		s.report.Stats.Hedges++
	default:
		s.report.Stats.Retries++
	}
	if c.Attempts >= c.Max {
		s.violatef(WithinBudget, "attempt %d of a call that may make %d was granted", c.Attempts+1, c.Max)
	}
	if c.Remaining > 0 && m.After >= c.Remaining {
		s.violatef(InTime, "a backoff of %s was granted to a call whose deadline is in %s", m.After, c.Remaining)
	}
	if s.scenario.Budget.Max > 0 && (c.Hedge || c.Proof != rpcerr.NotSent) {
		s.grant(asked.Service)
	}
}

// grant books one token.
func (s *sim) grant(service *messages.Service) {
	b, a := s.scenario.Budget, s.account(service)
	// What is banked is more than Max only if that many answers came.
	a.tokens = min(max(b.Max, a.answers*b.Ratio), a.tokens+a.fresh*b.Ratio+s.clock.now.Sub(a.at).Seconds()*b.Reserve) - 1
	a.at, a.fresh = s.clock.now, 0
	a.granted++
	if all := b.Max + a.answers*b.Ratio + s.elapsed().Seconds()*b.Reserve; a.granted > all+1e-6 {
		s.violatef(WithinBudget, "%s got %.0f retries and hedges, and the budget has given %.2f tokens in all", service.Name, a.granted, all)
	} else if a.tokens < -slack(b)-1e-6 {
		s.violatef(WithinBudget, "%s got a retry or hedge with %.2f tokens in the budget", service.Name, a.tokens+1)
	}
}

func (s *sim) account(service *messages.Service) *account {
	a := s.check.accounts[service]
	if a == nil {
		a = &account{tokens: s.scenario.Budget.Max, at: start}
		s.check.accounts[service] = a
	}
	return a
}

// answered books an answer of the service with that key.
func (s *sim) answered(key string) {
	if service := s.runtime.Services()[key]; service != nil {
		a := s.account(service)
		a.answers++
		a.fresh++
	}
}

// deadLetter handles messages whose receiver has stopped. Only a connection could
// get lost that way.
func (s *sim) deadLetter(event any) {
	e, ok := event.(*actor.DeadLetterEvent)
	if !ok {
		return
	}
	s.note("dead letter", e.PID.Id, typeName(e.Message))
	lost := false
	switch m := e.Message.(type) {
	case messages.Released:
		lost = true
	case messages.Dropped:
		lost = m.Conn.Shared == nil // of a shared one many may say so
	case messages.Leased:
		lost = m.Conn != nil && m.Conn.Shared == nil
	case messages.Dialled:
		lost = m.Conn != nil
	}
	if lost {
		s.violatef(ConnectionsConserved, "%s with a connection was sent to %s, which has stopped", typeName(e.Message), e.PID.Id)
	}
}
