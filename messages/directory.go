// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"maps"
	"sync/atomic"
)

// Directory holds the services that have been called. Only the root writes it;
// any goroutine may read it. The zero value is empty.
type Directory struct {
	services atomic.Pointer[map[string]*Service]
}

// Find returns the service under key, or nil if it has not been called yet.
func (d *Directory) Find(key string) *Service {
	if m := d.services.Load(); m != nil {
		return (*m)[key]
	}
	return nil
}

// All returns all services by key. The map must not be modified; it is nil
// while the directory is empty.
func (d *Directory) All() map[string]*Service {
	if m := d.services.Load(); m != nil {
		return *m
	}
	return nil
}

// Add publishes a service. Only the root may call it.
func (d *Directory) Add(key string, s *Service) {
	longer := maps.Clone(d.All())
	if longer == nil {
		longer = make(map[string]*Service)
	}
	longer[key] = s
	d.services.Store(&longer)
}

// Remove removes services. Only the root may call it.
func (d *Directory) Remove(keys ...string) {
	shorter := maps.Clone(d.All())
	for _, key := range keys {
		delete(shorter, key)
	}
	d.services.Store(&shorter)
}
