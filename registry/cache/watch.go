// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/internal/distinct"
)

// watcher is one running watch. Its functions are called without the mutex; they
// do not block and may be called concurrently.
type watcher struct {
	news  func() // there may be a new list
	ended func(error)
}

// upstream is the watch of the source that all watchers of a service share.
type upstream struct{ stop func() }

// Watch implements [registry.Registry]: changed gets what Lookup would return.
// Several changes that happen while changed runs are reported as one. Watch
// returns ctx.Err() once ctx is done, the error of the source if its watch
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
	var told distinct.Lists
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
			told.Pass(r.current(service), changed)
		}
	}
}

// current returns what callers see, in a new slice.
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
		return func() {} // the source cannot watch; only lookups bring changes
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
			stop() // the last watcher has left meanwhile
		}
	}
}

// part removes a watcher; with the last one it ends the watch of the source.
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

// heard handles a list from the watch of the source.
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

// broke handles the end of the source's watch. The list may be out of date from
// now on.
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
	next := max(s.next, now) // a query may begin at once, unless one has failed before
	r.failed(s, err, now)
	s.next = next
	s.expired = true
	do := s.unwatch(err)
	r.arm(s)
	r.mu.Unlock()
	run(do)
}
