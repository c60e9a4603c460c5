// SPDX-License-Identifier: Apache-2.0

// Package selector is the actor that knows the nodes of one service and their
// health, and contains the strategies that choose among them.
//
// The actor publishes a [messages.View], from which calls choose a node without
// a message. It gets a message only when there is no view to choose from, when
// a node was at fault, and when there are answers to fold.
package selector

import (
	"fmt"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// maxWaiters bounds the calls that wait for the first answer of the
	// registry; far more than a working client ever has.
	maxWaiters = 65536
	// refreshEvery is how old a list may get without news from the watch
	// (go-micro's registry cache: 60 s).
	refreshEvery = time.Minute
	// retryAfter is the pause after a failed lookup or watch.
	retryAfter = time.Second
)

// Config configures a selector. All fields are required.
type Config struct {
	// Service is the state that the selector publishes; its parent makes it.
	Service *messages.Service
	// Policy says how nodes are chosen.
	Policy messages.SelectorPolicy
	// Clock and Dice are the sources of time and of random numbers.
	Clock clock.Clock
	Dice  dice.Dice
	// Lookup begins a registry lookup and returns at once; done is called once,
	// by any goroutine.
	Lookup func(service string, done func([]*registry.Service, error))
	// Go runs the user's filters, outside of any turn.
	Go func(work func())
	// Watch begins a watch and returns at once; changed is called for each new
	// list, ended once if the watch fails. stop ends the watch.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
	// Parent is told which nodes were removed.
	Parent messages.Ref[messages.RootMessage]
}

// New returns the selector as an actor.
func New(c Config) actor.Actor {
	return &selector{Config: c, state: state{name: c.Service.Name, dice: c.Dice}}
}

type selector struct {
	Config
	state   state
	self    messages.Ref[messages.SelectorMessage]
	timer   clock.Timer
	waiters []messages.Resolve
	looking bool // a lookup is running
	stop    func()
	news    atomic.Pointer[[]*registry.Service] // list from the watch that is not applied yet, or nil
	raw     []*registry.Service                 // the newest list, before filters
	newest  int                                 // number of the newest list
	applied int                                 // number of the list in force
	filters int                                 // how many lists are being filtered
	behind  bool                                // the newest list still has to be filtered
	refresh clock.Instant                       // when the next lookup is due
	fault   error                               // why the last lookup or filtering failed

	dismissed bool // stop as soon as no call waits
}

// Receive implements actor.Actor.
func (s *selector) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.self = messages.NewRef[messages.SelectorMessage](ctx.ActorSystem(), ctx.Self())
		s.timer = s.Clock.Timer(func() { s.self.Tell(messages.Review{}) })
	case *actor.Stopping, *actor.Stopped:
		s.timer.Stop()
	case messages.SelectorMessage:
		s.handle(ctx, m)
	default:
		ctx.Logger().Warn("selector: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (s *selector) handle(ctx actor.Context, m messages.SelectorMessage) {
	now := s.Clock.Now()
	switch m := m.(type) {
	case messages.Resolve:
		s.resolve(m)
	case messages.Mark:
		if s.state.fault(m, now) {
			s.publish(now)
			s.review(now)
		}
	case messages.Outrun:
		s.state.outrun(m.Node, m.After, now)
	case messages.Fold:
		s.Service.Folding(now)
		if s.state.fold(now) {
			s.publish(now)
			s.review(now)
		}
	case messages.Looked:
		s.looked(m, now)
	case messages.Changed:
		s.apply(*s.news.Swap(nil), now)
	case messages.Filtered:
		s.filters--
		s.filtered(m, now)
		if s.behind {
			s.narrow()
		}
	case messages.WatchEnded:
		s.stop = nil
		s.refresh = now.Add(retryAfter)
		s.review(now)
	case messages.Review:
		s.review(now)
	case messages.SetPolicy:
		s.Policy = m.Policy
		s.apply(s.raw, now)
	case messages.Dismiss:
		s.dismissed = true
	case messages.Quit:
		s.quit(ctx)
		return
	}
	if s.dismissed && len(s.waiters) == 0 {
		s.quit(ctx)
		return
	}
	s.Service.Waiting.Store(int64(len(s.waiters)))
	s.Service.Touched.Store(int64(now))
	// Answers refill the retry budget.
	s.Service.Answered.Add(s.state.answered)
	s.state.answered = 0
}

// resolve answers at once if the view has nodes. Otherwise it asks the registry
// first, so that an error is never an old one.
func (s *selector) resolve(m messages.Resolve) {
	if v := s.Service.View.Load(); v != nil && len(v.Ready) > 0 {
		m.ReplyTo.Tell(messages.Resolved{Ticket: m.Ticket, Service: s.Service})
		return
	}
	if len(s.waiters) >= maxWaiters {
		err := fmt.Errorf("%d calls wait for the nodes of %s already: %w", maxWaiters, s.Service.Name, rpcerr.ErrOverloaded)
		m.ReplyTo.Tell(messages.Resolved{Ticket: m.Ticket, Err: err})
		return
	}
	s.waiters = append(s.waiters, m)
	s.look()
}

// answer replies to all waiting calls. If there is no node while a lookup is
// running, they go on waiting for its result.
func (s *selector) answer() {
	reply := messages.Resolved{Service: s.Service}
	if v := s.Service.View.Load(); v == nil || len(v.Ready) == 0 {
		if s.looking {
			return
		}
		reply = messages.Resolved{Err: s.noNode()}
	}
	for _, w := range s.waiters {
		reply.Ticket = w.Ticket
		w.ReplyTo.Tell(reply)
	}
	s.waiters = nil
}

func (s *selector) noNode() error {
	if s.fault != nil {
		return s.fault
	}
	found := 0
	for _, r := range s.raw {
		found += len(r.Nodes)
	}
	if found > 0 {
		return fmt.Errorf("%w: the filters leave none of the %d nodes of %s", rpcerr.ErrNoneAvailable, found, s.Service.Name)
	}
	return fmt.Errorf("%w: %s is registered without nodes", rpcerr.ErrNoneAvailable, s.Service.Name)
}

func (s *selector) publish(now clock.Instant) {
	s.Service.View.Store(s.state.view(s.Policy, now, s.fault))
}

// review ends ejections, advances slow starts and begins lookups as they are
// due, and arms the timer for the next of them.
func (s *selector) review(now clock.Instant) {
	changed, next := s.state.review(now)
	if changed {
		s.publish(now)
	}
	if len(s.Service.Addresses) == 0 && s.refresh != 0 {
		if now >= s.refresh {
			s.look()
			s.refresh = now.Add(refreshEvery)
		}
		if next == 0 || s.refresh < next {
			next = s.refresh
		}
	}
	if next != 0 {
		s.timer.Reset(next)
	}
}

func (s *selector) quit(ctx actor.Context) {
	for _, w := range s.waiters {
		w.ReplyTo.Tell(messages.Resolved{Ticket: w.Ticket, Err: rpcerr.ErrClosed})
	}
	s.waiters = nil
	if s.stop != nil {
		s.stop()
	}
	ctx.Stop(ctx.Self())
}
