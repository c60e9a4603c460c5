// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// registryDelay is how long the registry takes to report a change to watches.
const registryDelay = time.Millisecond

type watcher struct {
	service string
	changed func([]*registry.Service)
	ended   func(error)
}

// lookup is actors.Simulation.Lookup.
func (w *world) lookup(service string, done func([]*registry.Service, error)) {
	w.sim.note("lookup", service)
	w.lookups++
	w.sim.clock.after(w.sim.scenario.LookupTime, func() {
		w.lookups--
		if w.down {
			done(nil, errRegistry)
			return
		}
		done(w.records(service))
	})
}

// watch is actors.Simulation.Watch.
func (w *world) watch(service string, changed func([]*registry.Service), ended func(error)) (stop func()) {
	me := &watcher{service, changed, ended}
	w.watchers = append(w.watchers, me)
	return func() { w.forget(me) }
}

func (w *world) forget(me *watcher) {
	for i, x := range w.watchers {
		if x == me {
			w.watchers = append(w.watchers[:i:i], w.watchers[i+1:]...)
			return
		}
	}
}

func (w *world) watching(me *watcher) bool { return slices.Contains(w.watchers, me) }

// records returns what the registry answers about a service.
func (w *world) records(service string) ([]*registry.Service, error) {
	record := &registry.Service{Name: service, Version: "1"}
	known := false
	ids := make(map[string]bool)
	for _, v := range w.order {
		if v.service != service {
			continue
		}
		known = !w.blank || !w.unknown
		if v.registered && !w.blank && !ids[v.id] {
			ids[v.id] = true
			metadata := map[string]string{"protocol": "mucp"}
			if v.wire == WireShared {
				metadata["transport"] = sharedTransport
			}
			record.Nodes = append(record.Nodes, &registry.Node{ID: v.id, Address: v.address, Metadata: metadata})
		}
	}
	if !known {
		return nil, registry.ErrNotFound
	}
	return []*registry.Service{record}, nil
}

// registered returns how many nodes of a service are registered, whatever the
// registry answers, and since when there is one.
func (w *world) registered(service string) (since clock.Instant, n int) {
	for _, v := range w.order {
		if v.service == service && v.registered {
			n++
		}
	}
	return w.filled[service], n
}

// tell tells the watchers of a service.
func (w *world) tell(service string) {
	if w.down {
		return
	}
	for _, x := range w.watchers {
		if x.service != service {
			continue
		}
		w.sim.clock.after(registryDelay, func() {
			if records, err := w.records(service); err == nil && w.watching(x) {
				x.changed(records)
			}
		})
	}
}
