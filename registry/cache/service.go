// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"errors"
	"fmt"
	"slices"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// service is one service of the cache: its state, and the lookups and watches
// that are told about it. The mutex of the registry guards it. Methods that have
// to call functions of others return these, to be run once the mutex is free.
type service struct {
	state
	name  string
	used  clock.Instant // last lookup
	timer clock.Timer

	// asking says that a query is running, and asked when it began. It is overdue
	// if it takes longer than the lookup timeout: then no lookup waits for it, and
	// no other one begins until the source has returned.
	asking, overdue bool
	asked           clock.Instant
	cancel          func() // cancels the query; may be nil
	waiters         []*waiter

	// turn counts the queries and the lists from the watch; askTurn and watchTurn
	// are the numbers of the last of each.
	turn, askTurn, watchTurn uint64
	watchers                 []*watcher
	upstream                 *upstream

	lookups, asks uint64
}

// Ask is [Registry.Lookup] without blocking: done is called once, immediately if
// the answer is in memory, else when the source has answered, unless leave was
// called before.
func (r *Registry) Ask(name string, done func([]*registry.Service, error)) (leave func()) {
	w := &waiter{func(a answer) { done(a.list, a.err) }}
	r.mu.Lock()
	now := r.clock.Now()
	s, err := r.open(name, now)
	if err != nil {
		r.mu.Unlock()
		w.done(answer{err: err})
		return func() {}
	}
	s.used = now
	s.lookups++
	do := r.settle(s, now)
	switch v := s.judge(now); {
	case v == askAndAnswer && s.overdue, v == refuse:
		a := s.result(s.refused(name, now))
		do = append(do, func() { w.done(a) })
	case v == askAndAnswer:
		s.waiters = append(s.waiters, w)
		do = append(do, r.ask(s, now)...)
	default:
		a := s.result(nil)
		do = append(do, func() { w.done(a) })
		if v == serveAndAsk {
			do = append(do, r.ask(s, now)...)
		}
	}
	r.arm(s)
	r.mu.Unlock()
	run(do)
	return func() { r.leave(s, w) }
}

func (r *Registry) leave(s *service, w *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(x *waiter) bool { return x == w })
}

// open returns the service of that name; it adds a new one if there is room.
func (r *Registry) open(name string, now clock.Instant) (*service, error) {
	if r.closed {
		return nil, ErrClosed
	}
	if s := r.services[name]; s != nil {
		return s, nil
	}
	if len(r.services) >= r.limit && !r.makeRoom(now) {
		return nil, fmt.Errorf("%w: %d are in use, no room for %q (WithMaxServices)", ErrTooManyServices, r.limit, name)
	}
	s := &service{name: name, state: state{rules: r.rules}}
	s.timer = r.clock.Timer(func() { r.tick(s) })
	r.services[name] = s
	return s, nil
}

// makeRoom drops the least recently used service among those that are neither
// watched nor waited for, and that are out of date or have no nodes.
func (r *Registry) makeRoom(now clock.Instant) bool {
	var oldest *service
	for _, s := range r.services {
		idle := len(s.waiters) == 0 && len(s.watchers) == 0 && !s.asking
		if !idle || nodes(s.visible) > 0 && now < s.used.Add(r.ttl) {
			continue
		}
		if oldest == nil || s.used < oldest.used || s.used == oldest.used && s.name < oldest.name {
			oldest = s
		}
	}
	if oldest == nil {
		return false
	}
	oldest.timer.Stop()
	delete(r.services, oldest.name)
	return true
}

// ask begins a query unless one is running.
func (r *Registry) ask(s *service, now clock.Instant) (do []func()) {
	if s.asking {
		return nil
	}
	s.asking, s.asked = true, now
	s.asks++
	s.turn++
	s.askTurn = s.turn
	turn := s.turn
	return []func(){func() {
		cancel := r.source.Lookup(s.name, func(list []*registry.Service, err error) { r.answered(s, list, err) })
		if cancel == nil {
			return
		}
		r.mu.Lock()
		if s.asking && s.askTurn == turn && !s.overdue && !r.closed {
			s.cancel, cancel = cancel, nil
		}
		r.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	}}
}

// answered handles the result of a query.
func (r *Registry) answered(s *service, list []*registry.Service, err error) {
	r.mu.Lock()
	now := r.clock.Now()
	late := s.overdue
	s.asking, s.overdue, s.cancel = false, false, nil
	if r.services[s.name] != s {
		r.mu.Unlock() // the cache was closed
		return
	}
	var do []func()
	switch missing := errors.Is(err, registry.ErrNotFound); {
	case err != nil && !missing:
		if !late { // an overdue query is counted already
			r.failed(s, err, now)
		}
	case s.watchTurn > s.askTurn: // the watch has reported a newer list
	case missing:
		do = r.take(s, nil, now)
	default:
		do = r.take(s, list, now)
	}
	do = append(do, s.answer(err)...)
	r.arm(s)
	r.mu.Unlock()
	run(do)
}

// failed counts a failure of the source.
func (r *Registry) failed(s *service, err error, now clock.Instant) {
	r.failures++
	r.lastErr, r.failedAt = err, now
	s.failed(err, now)
}

// take puts a list in force and tells the watchers.
func (r *Registry) take(s *service, list []*registry.Service, now clock.Instant) (do []func()) {
	first := !s.known // then watchers are told even if there is nothing
	if s.answered(tidy(list), r.failures, now) || first {
		return s.news()
	}
	return nil
}

func (r *Registry) settle(s *service, now clock.Instant) (do []func()) {
	if s.settle(now) {
		return s.news()
	}
	return nil
}

// answer answers all waiting lookups.
func (s *service) answer(why error) (do []func()) {
	for _, w := range s.waiters {
		a := s.result(why)
		do = append(do, func() { w.done(a) })
	}
	s.waiters = nil
	return do
}

// tick runs when the timer fires: it does what is due.
func (r *Registry) tick(s *service) {
	r.mu.Lock()
	if r.services[s.name] != s {
		r.mu.Unlock()
		return
	}
	now := r.clock.Now()
	do := r.settle(s, now)
	if s.asking && !s.overdue && now >= s.asked.Add(r.timeout) {
		s.overdue = true
		if s.cancel != nil {
			do = append(do, s.cancel)
			s.cancel = nil
		}
		err := fmt.Errorf("service %q: %s did not answer within %s (WithLookupTimeout)", s.name, r.source.Name, r.timeout)
		r.failed(s, err, now)
		do = append(do, s.answer(err)...)
	}
	if len(s.watchers) > 0 && !s.healthy() && now >= s.next {
		do = append(do, r.ask(s, now)...)
	}
	r.arm(s)
	r.mu.Unlock()
	run(do)
}

// arm sets the timer for what is due next.
func (r *Registry) arm(s *service) {
	var next clock.Instant
	if s.asking && !s.overdue {
		next = s.asked.Add(r.timeout)
	}
	if len(s.watchers) > 0 && (s.healthy() || !s.asking) {
		next = clock.Earlier(next, s.wake())
	}
	if next == 0 {
		s.timer.Stop()
		return
	}
	s.timer.Reset(next)
}

// end ends all lookups and watches with err.
func (s *service) end(err error) (do []func()) {
	s.timer.Stop()
	if s.cancel != nil {
		do = append(do, s.cancel)
		s.cancel = nil
	}
	for _, w := range s.waiters {
		do = append(do, func() { w.done(answer{err: err}) })
	}
	s.waiters = nil
	return append(do, s.unwatch(err)...)
}
