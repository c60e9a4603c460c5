// SPDX-License-Identifier: Apache-2.0

// Package selector is the actor that knows the nodes of one service, what to
// think of each, and how to choose among them.
//
// It publishes a [messages.View] from which callers choose without asking.
// It is asked only when there is no view to choose from, and told when a node
// was at fault.
package selector

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// maxWaiters bounds the calls that wait for the first answer of the
	// registry; far more than a client that works ever has.
	maxWaiters = 65536
	// refreshEvery is how old a list may get without word from the watch
	// (go-micro's registry cache: 60 s).
	refreshEvery = time.Minute
	// retryAfter is the pause between a failed lookup or a broken watch and
	// the next try.
	retryAfter = time.Second
)

// Config is what a selector is made of.
type Config struct {
	// Service is what it publishes; made by its parent.
	Service *messages.Service
	// Policy is how it chooses.
	Policy messages.SelectorPolicy
	// Clock and Dice are its time and its chance.
	Clock clock.Clock
	Dice  dice.Dice
	// Lookup begins a registry lookup and returns; done is called once, from
	// anywhere.
	Lookup func(service string, done func([]*registry.Service, error))
	// Go runs the user's filters, outside of any turn.
	Go func(work func())
	// Watch begins a watch and returns; changed is called for each new list,
	// ended once. stop makes it end.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
	// Parent is told which nodes are gone.
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
	looking bool // a lookup is under way
	stop    func()
	news    atomic.Pointer[[]*registry.Service] // told by the watch and not taken in yet, nil for none
	raw     []*registry.Service                 // the newest list, before filters
	newest  int                                 // its number
	applied int                                 // number of the list in force
	filters int                                 // how many lists are being filtered
	behind  bool                                // the newest list is not being filtered yet
	refresh clock.Instant                       // when the list is to be looked up again
	fault   error                               // why the last lookup failed

	dismissed bool // nobody new comes; it ends when nobody waits any more
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
	case messages.Reconsider:
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
	// What was answered fills the budget of retries.
	s.Service.Answered.Add(s.state.answered)
	s.state.answered = 0
}

// resolve answers at once from a view that has nodes, else asks the registry
// first: an error is always fresh.
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

func (s *selector) look() {
	if s.looking {
		return
	}
	s.looking = true
	if len(s.Service.Addresses) > 0 {
		s.self.Tell(messages.Looked{Records: fixedRecords(s.Service, s.Policy.Transport)})
		return
	}
	s.Lookup(s.Service.Name, func(records []*registry.Service, err error) {
		s.self.Tell(messages.Looked{Records: records, Err: err})
	})
}

// fixedRecords makes nodes of addresses given by an option. They count as
// mucp, as go-micro does it, unless the transport is one that has a protocol of
// its own.
func fixedRecords(s *messages.Service, fallback string) []*registry.Service {
	transport := cmp.Or(s.Transport, fallback)
	metadata := map[string]string{"protocol": "mucp", "transport": s.Transport}
	if transport == "grpc" {
		metadata["protocol"] = transport
	}
	record := &registry.Service{Name: s.Name}
	for _, a := range s.Addresses {
		record.Nodes = append(record.Nodes, &registry.Node{ID: a, Address: a, Metadata: metadata})
	}
	return []*registry.Service{record}
}

func (s *selector) looked(m messages.Looked, now clock.Instant) {
	s.looking = false
	s.fault = nil
	switch {
	case m.Err == nil:
		s.refresh = now.Add(refreshEvery)
		s.apply(m.Records, now)
		s.watch()
	case errors.Is(m.Err, registry.ErrNotFound):
		s.fault = fmt.Errorf("%w: %w", rpcerr.ErrNotFound, m.Err)
		s.refresh = now.Add(refreshEvery)
		s.apply(nil, now)
	default:
		// The last list stays in force: no news is not bad news.
		s.fault = fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, m.Err)
		s.refresh = now.Add(retryAfter)
		s.publish(now)
		s.answer()
	}
	s.review(now)
}

// answer tells everybody who waits how it stands. Without a node that has to
// wait for the registry if it is being asked: the error must be a fresh one.
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

// maxFilters bounds the lists of a service that are being filtered at once. One
// that comes beyond that waits, and is replaced by a newer one; several may run,
// so that a filter that hangs does not hold up all lists to come.
const maxFilters = 4

// apply has a new list filtered, and taken over when that is done. Filters are
// code of the user and may take their time.
func (s *selector) apply(records []*registry.Service, now clock.Instant) {
	s.newest++
	s.raw = records
	if len(s.Policy.Filters) == 0 {
		s.behind = false
		s.filtered(messages.Filtered{List: s.newest, Records: records}, now)
		return
	}
	s.behind = true
	s.narrow()
}

// narrow begins to filter the newest list, if there is room.
func (s *selector) narrow() {
	if s.filters == maxFilters {
		return
	}
	s.filters++
	s.behind = false
	m, records, filters := messages.Filtered{List: s.newest}, s.raw, s.Policy.Filters
	s.Go(func() {
		guard.Ask(func() ([]*registry.Service, error) { return filter(records, filters) },
			func(kept []*registry.Service, err error) {
				m.Records, m.Err = kept, err
				s.self.Tell(m)
			})
	})
}

// filtered takes a new list over and publishes what follows from it.
func (s *selector) filtered(m messages.Filtered, now clock.Instant) {
	switch {
	case m.List < s.applied:
		return // a newer one was faster
	case m.Err != nil:
		s.fault = m.Err // the list before it stays in force
	default:
		s.applied = m.List
		for _, n := range s.state.replace(m.Records, s.Policy) {
			s.Parent.Tell(messages.NodeGone{Node: n})
		}
	}
	s.publish(now)
	s.answer()
	s.review(now)
}

// filter runs the user's filters; a panic in one is an error.
func filter(records []*registry.Service, filters []messages.Filter) (kept []*registry.Service, err error) {
	defer guard.Catch("select filter", &err)
	kept = append(kept, records...)
	for _, f := range filters {
		kept = f(kept)
	}
	for i, r := range kept {
		if r == nil || slices.Contains(r.Nodes, nil) {
			return nil, fmt.Errorf("select filter: record %d of the %d that it leaves is nil, or has a nil node", i+1, len(kept))
		}
	}
	return kept, nil
}

func (s *selector) watch() {
	if s.stop != nil || len(s.Service.Addresses) > 0 {
		return
	}
	s.stop = s.Watch(s.Service.Name,
		func(records []*registry.Service) {
			if s.news.Swap(&records) == nil { // else the message about the one before is on its way
				s.self.Tell(messages.Changed{})
			}
		},
		func(err error) { s.self.Tell(messages.WatchEnded{Err: err}) })
}

func (s *selector) publish(now clock.Instant) {
	s.Service.View.Store(s.state.view(s.Policy, now, s.fault))
}

// review ends ejections, lets nodes warm up, refreshes an old list, and arms
// the timer for the next of these.
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
