// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"maps"
	"sync/atomic"
)

// Directory is where the root publishes the services that have been called.
// Only the root changes it; everybody reads. The zero value is empty.
type Directory struct {
	services atomic.Pointer[map[string]*Service]
}

// Find returns the service under key, nil if nobody has called it yet.
func (d *Directory) Find(key string) *Service {
	if m := d.services.Load(); m != nil {
		return (*m)[key]
	}
	return nil
}

// All returns the directory. The map must not be changed.
func (d *Directory) All() map[string]*Service {
	if m := d.services.Load(); m != nil {
		return *m
	}
	return nil
}

// Add publishes a service. For the root only.
func (d *Directory) Add(key string, s *Service) {
	longer := maps.Clone(d.All())
	if longer == nil {
		longer = make(map[string]*Service)
	}
	longer[key] = s
	d.services.Store(&longer)
}

// Remove takes services out. For the root only.
func (d *Directory) Remove(keys ...string) {
	shorter := maps.Clone(d.All())
	for _, key := range keys {
		delete(shorter, key)
	}
	d.services.Store(&shorter)
}
