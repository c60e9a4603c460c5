// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/internal/distinct"
)

// Follow is [Registry.Watch] without blocking: changed is called by the goroutine
// that brings the change, one call at a time, and ended once if the watch breaks.
// After stop no call begins.
func (r *Registry) Follow(service string, changed func([]*registry.Service), ended func(error)) (stop func()) {
	f := &follower{}
	var told distinct.Lists
	leave := r.join(service, &watcher{
		news:  func() { f.run(func() { told.Pass(r.current(service), changed) }) },
		ended: func(err error) { f.end(func() { ended(err) }) },
	})
	return func() {
		f.end(func() {})
		leave()
	}
}

// follower runs one call at a time. Calls that arrive meanwhile are merged into
// one more, which the goroutine that is running makes.
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

// end prevents further calls; its first call also calls last.
func (f *follower) end(last func()) {
	f.mu.Lock()
	first := !f.over
	f.over = true
	f.mu.Unlock()
	if first {
		last()
	}
}
