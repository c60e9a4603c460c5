// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"example.com/mailcall/registry"
)

// watcher is one running watch. Its functions are called without the mutex, do
// not wait, and may be called at the same time.
type watcher struct {
	news  func() // there may be a new list
	ended func(error)
}

// upstream is the watch of the source that all watchers of a service share.
type upstream struct{ stop func() }

// Watch implements [registry.Registry] as the package says: changed gets what
// Lookup would return. Changes that come while it runs are put together. It
// returns ctx.Err() once ctx has ended, the error of the source if its watch
// breaks, [ErrTooManyServices] or [ErrClosed].
func (r *Registry) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	if changed == nil {
		return errors.New("registry cache: watch needs a function to call")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	news, over := make(chan struct{}, 1), make(chan error, 1)
	w := &watcher{
		news: func() {
			select {
			case news <- struct{}{}:
			default:
			}
		},
		ended: func(err error) { over <- err },
	}
	stop := r.join(service, w)
	defer stop()
	var told teller
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-over:
			return err
		case <-news:
			if err := ctx.Err(); err != nil {
				return err
			}
			told.tell(r.current(service), changed)
		}
	}
}

// Follow is [Registry.Watch] in the form that does not wait: changed is called
// from where the news come from, one call at a time, and ended once if the
// watch breaks. After stop no call begins.
func (r *Registry) Follow(service string, changed func([]*registry.Service), ended func(error)) (stop func()) {
	f := &follower{}
	var told teller
	leave := r.join(service, &watcher{
		news:  func() { f.run(func() { told.tell(r.current(service), changed) }) },
		ended: func(err error) { f.end(func() { ended(err) }) },
	})
	return func() {
		f.end(func() {})
		leave()
	}
}

// follower lets one call in at a time; calls that come meanwhile become one
// more, made by the one that is in.
type follower struct {
	mu                   sync.Mutex
	running, again, over bool
}

func (f *follower) run(call func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again = true; f.running {
		return
	}
	f.running = true
	for f.again && !f.over {
		f.again = false
		f.mu.Unlock()
		call()
		f.mu.Lock()
	}
	f.running = false
}

// end lets no further call begin, and calls last the first time.
func (f *follower) end(last func()) {
	f.mu.Lock()
	first := !f.over
	f.over = true
	f.mu.Unlock()
	if first {
		last()
	}
}

// teller leaves out lists that are equal to the one before.
type teller struct {
	told bool
	last []*registry.Service
}

func (t *teller) tell(list []*registry.Service, changed func([]*registry.Service)) {
	if t.told && reflect.DeepEqual(list, t.last) {
		return
	}
	t.told, t.last = true, slices.Clone(list)
	changed(list)
}

// current is what callers see, in a slice of their own.
func (r *Registry) current(name string) []*registry.Service {
	r.mu.Lock()
	s := r.services[name]
	if s == nil {
		r.mu.Unlock()
		return nil
	}
	do := r.settle(s, r.clock.Now())
	list := slices.Clone(s.visible)
	r.arm(s)
	r.mu.Unlock()
	run(do)
	return list
}

// join adds a watcher, and watches the source if it is the first.
func (r *Registry) join(name string, w *watcher) (leave func()) {
	r.mu.Lock()
	s, err := r.open(name, r.clock.Now())
	if err != nil {
		r.mu.Unlock()
		w.ended(err)
		return func() {}
	}
	s.watchers = append(s.watchers, w)
	var do []func()
	if s.known {
		do = append(do, w.news)
	}
	if s.upstream == nil {
		s.upstream = &upstream{}
		do = append(do, r.watch(s, s.upstream))
	}
	r.arm(s)
	r.mu.Unlock()
	run(do)
	return func() { r.part(s, w) }
}

// watch begins the watch of the source.
func (r *Registry) watch(s *service, up *upstream) func() {
	if r.source.Watch == nil {
		return func() {} // lookups alone bring news
	}
	return func() {
		stop := r.source.Watch(s.name,
			func(list []*registry.Service) { r.heard(s, up, list) },
			func(err error) { r.broke(s, up, err) })
		r.mu.Lock()
		if s.upstream == up {
			up.stop, stop = stop, nil
		}
		r.mu.Unlock()
		if stop != nil {
			stop() // nobody watches any more
		}
	}
}

// part takes a watcher out, and ends the watch of the source with the last.
func (r *Registry) part(s *service, w *watcher) {
	r.mu.Lock()
	var do []func()
	s.watchers = slices.DeleteFunc(s.watchers, func(x *watcher) bool { return x == w })
	if len(s.watchers) == 0 {
		do = s.unwatch(nil)
		if r.services[s.name] == s {
			r.arm(s)
		}
	}
	r.mu.Unlock()
	run(do)
}

// unwatch ends the watch of the source, and those of all watchers with err.
func (s *service) unwatch(err error) (do []func()) {
	if up := s.upstream; up != nil && up.stop != nil {
		do = append(do, up.stop)
	}
	s.upstream = nil
	for _, w := range s.watchers {
		do = append(do, func() { w.ended(err) })
	}
	s.watchers = nil
	return do
}

// news tells all watchers.
func (s *service) news() (do []func()) {
	for _, w := range s.watchers {
		do = append(do, w.news)
	}
	return do
}

// heard takes a list from the watch of the source.
func (r *Registry) heard(s *service, up *upstream, list []*registry.Service) {
	r.mu.Lock()
	if s.upstream != up {
		r.mu.Unlock()
		return
	}
	s.turn++
	s.watchTurn = s.turn
	do := r.take(s, list, r.clock.Now())
	r.arm(s)
	r.mu.Unlock()
	run(do)
}

// broke takes the end of the source's watch: the list may be old from now on.
func (r *Registry) broke(s *service, up *upstream, err error) {
	if err == nil {
		err = errWatchEnded
	}
	err = fmt.Errorf("registry cache: watch of %q at %s: %w", s.name, r.source.Name, err)
	r.mu.Lock()
	if s.upstream != up {
		r.mu.Unlock()
		return
	}
	up.stop = nil // it has ended by itself
	now := r.clock.Now()
	next := max(s.next, now) // it may be asked at once, unless it failed before
	r.failed(s, err, now)
	s.next = next
	s.expired = true
	do := s.unwatch(err)
	r.arm(s)
	r.mu.Unlock()
	run(do)
}
