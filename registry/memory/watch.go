// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"errors"
	"reflect"

	"example.com/mailcall/registry"
)

// watcher is one running Watch. It holds no list, only whether there is a change,
// so that a slow callback does not take up memory.
type watcher struct{ news chan struct{} }

// Watch calls changed with the whole new list after each change, one call at a
// time, and once at the beginning with the list as it is (nil if there is no
// such service), so that a change between a Lookup and the Watch is not missed.
// Several changes that happen while changed runs are reported as one, with the
// latest list. A list that equals the one before is not a change. Watch returns
// ctx.Err() once ctx is done.
func (r *Registry) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	if changed == nil {
		return errors.New("memory registry: watch needs a function to call")
	}
	w := &watcher{news: make(chan struct{}, 1)}
	w.news <- struct{}{}
	r.add(service, w)
	defer r.remove(service, w)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.news:
			if err := ctx.Err(); err != nil {
				return err
			}
			changed(r.current(service))
		}
	}
}

func (r *Registry) add(service string, w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers == nil {
		r.watchers = map[string]map[*watcher]struct{}{}
	}
	if r.watchers[service] == nil {
		r.watchers[service] = map[*watcher]struct{}{}
	}
	r.watchers[service][w] = struct{}{}
}

func (r *Registry) remove(service string, w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers[service], w)
	if len(r.watchers[service]) == 0 {
		delete(r.watchers, service)
	}
}

// replace puts a new list in force for the service and wakes its watchers. r.mu is
// held, or r is not shared yet.
func (r *Registry) replace(service string, list []*registry.Service) {
	if reflect.DeepEqual(r.services[service], list) {
		return
	}
	switch {
	case list == nil:
		delete(r.services, service)
	case r.services == nil:
		r.services = map[string][]*registry.Service{service: list}
	default:
		r.services[service] = list
	}
	for w := range r.watchers[service] {
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}
