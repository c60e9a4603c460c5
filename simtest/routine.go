// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"iter"
	"slices"

	"example.com/mailcall/internal/clock"
)

// routine replaces a goroutine in the simulation. It is a coroutine: it runs only
// while the loop has resumed it, and waits by yielding to the loop.
type routine struct {
	sim   *sim
	work  func()
	turn  func()
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	ready func() bool // what it waits for, nil if for nothing
}

// spawn runs work right away, until it waits for something.
func (s *sim) spawn(work func()) {
	if s.stopping {
		return
	}
	var r *routine
	if last := len(s.spare) - 1; last >= 0 {
		r, s.spare = s.spare[last], s.spare[:last]
	} else {
		r = &routine{sim: s}
		r.turn = r.resume
		r.next, r.stop = iter.Pull(r.run)
	}
	r.work = work
	s.routines = append(s.routines, r)
	r.resume()
}

// run does one work after the other.
func (r *routine) run(yield func(struct{}) bool) {
	r.yield = yield
	for {
		r.work()
		r.work = nil
		if !yield(struct{}{}) {
			return
		}
	}
}

// resume continues the work until it waits again or is done.
func (r *routine) resume() {
	s := r.sim
	before, alive := s.running, false
	s.running = r
	defer func() { // also when the work panics
		s.running = before
		if alive && r.work != nil {
			return
		}
		s.routines = slices.DeleteFunc(s.routines, func(q *routine) bool { return q == r })
		if alive {
			s.spare = append(s.spare, r)
		}
	}()
	_, alive = r.next()
}

// park waits until ready; it returns false if the run is over.
func (s *sim) park(ready func() bool) bool {
	r := s.running
	switch {
	case s.stopping:
		return false
	case ready():
		return true
	case r == nil:
		s.violatef(InTime, "a turn waits for something")
		return false
	}
	r.ready = ready
	return r.yield(struct{}{})
}

// parkUntil is park that ends at the given instant, 0 for never.
func (s *sim) parkUntil(at clock.Instant, ready func() bool) bool {
	if at == 0 {
		return s.park(ready)
	}
	t := &timer{clock: s.clock, fire: func() {}, at: -1, world: true}
	t.Reset(at)
	defer t.Stop()
	return s.park(func() bool { return s.clock.now >= at || ready() })
}

// follower waits for the end of a context without a goroutine.
type follower struct {
	ctx context.Context //nolint:containedctx // it is what is followed
	f   func()
}

// afterFunc is actors.Simulation.AfterFunc.
func (s *sim) afterFunc(ctx context.Context, f func()) (stop func() bool) {
	w := &follower{ctx, f}
	s.followers = append(s.followers, w)
	return func() bool {
		before := len(s.followers)
		s.followers = slices.DeleteFunc(s.followers, func(x *follower) bool { return x == w })
		return len(s.followers) < before
	}
}

// rouse makes the routines runnable whose wait is over.
func (s *sim) rouse() {
	for _, r := range s.routines {
		if r.ready != nil && r.ready() {
			r.ready = nil
			s.ready = append(s.ready, r.turn)
		}
	}
	if len(s.followers) == 0 {
		return
	}
	s.followers = slices.DeleteFunc(s.followers, func(w *follower) bool {
		if w.ctx.Err() == nil {
			return false
		}
		s.ready = append(s.ready, w.f)
		return true
	})
}

// parkCall is actors.Simulation.Park.
func (s *sim) parkCall(wake, done <-chan struct{}) (ended bool) {
	over := func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	if !s.park(func() bool { return len(wake) > 0 || over() }) {
		return true
	}
	if over() && (len(wake) == 0 || s.order.N(2) == 0) {
		return true
	}
	<-wake
	return false
}

// dismiss ends all routines; those that wait learn that the run is over.
func (s *sim) dismiss() {
	s.stopping = true
	for _, r := range slices.Concat(s.routines, s.spare) {
		r.stop()
	}
	s.routines, s.spare = nil, nil
}
