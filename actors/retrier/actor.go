// SPDX-License-Identifier: Apache-2.0

// Package retrier is the actor that decides whether and when another attempt of
// a call may start, be it a retry or a hedge. It owns the budget that both share.
package retrier

import (
	"fmt"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"

	"github.com/asynkron/protoactor-go/actor"
)

// Config configures the retrier. All fields are required.
type Config struct {
	// Budget is the rule for the budget of every service.
	Budget messages.Budget
	// Clock and Dice are the sources of time and of random numbers.
	Clock clock.Clock
	Dice  dice.Dice
}

// New returns the retrier as an actor. The balance of each budget is kept in its
// [messages.Service].
func New(c Config) actor.Actor {
	return &retrier{clock: c.Clock, state: state{budget: c.Budget, dice: c.Dice}}
}

type retrier struct {
	clock clock.Clock
	state state
}

// Receive implements actor.Actor.
func (r *retrier) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped:
	case messages.RetrierMessage:
		r.handle(m)
	default:
		ctx.Logger().Warn("retrier: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (r *retrier) handle(m messages.RetrierMessage) {
	switch m := m.(type) {
	case messages.Judge:
		verdict := r.state.judge(m.Service, m.Case, r.clock.Now())
		verdict.Ticket = m.Ticket
		m.ReplyTo.Tell(verdict)
	case messages.Refund:
		r.state.refund(m.Service, r.clock.Now())
	case messages.SetBudget:
		r.state.budget = m.Budget
	}
}
