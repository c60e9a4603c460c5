// SPDX-License-Identifier: Apache-2.0

// Package memory is a registry within the process: a program registers nodes, and
// every client that was given the registry sees them at once.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// Registry holds records in memory until they are taken out, or their time is
// up where [Registry.Register] gave them one. It is safe for concurrent use.
// Its zero value is an empty registry.
type Registry struct {
	mu sync.Mutex
	// services has the versions of each service in the order in which they were
	// added. The slices and records are replaced, never modified in place.
	services map[string][]*registry.Service
	watchers map[string]map[*watcher]struct{}
	// ends has the expiry of the nodes that have one. timer fires at the first of
	// these; both and the clock are nil until there is one.
	ends  map[key]clock.Instant
	timer clock.Timer
	clock clock.Clock
}

var (
	_ registry.Registry = (*Registry)(nil)
	_ registry.Lister   = (*Registry)(nil)
)

// New returns a registry with the given records. Records that [Registry.Add] would
// refuse are left out.
func New(services ...*registry.Service) *Registry {
	return NewWithClock(nil, services...)
}

// NewWithClock is [New] with a clock, for simulations: only packages of
// mailcall can make one. Nil is the clock of the machine.
func NewWithClock(c clock.Clock, services ...*registry.Service) *Registry {
	r := &Registry{clock: c}
	for _, s := range services {
		if check(s) == nil {
			r.replace(s.Name, merge(r.services[s.Name], s))
		}
	}
	return r
}

// Add adds the nodes of service to those of the same name and version. They do
// not expire, even if they had been registered with a ttl. A node whose id is
// already known is replaced, whichever version it was in; metadata and endpoints
// of the version become those of service. A service without nodes becomes known.
// Add returns an error for a nil service or node, and for an empty name, node id
// or address. The record must not be modified afterwards.
func (r *Registry) Add(service *registry.Service) error {
	if err := check(service); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.register(service, 0)
	return nil
}

// Remove takes the node with the given id out of the service. A version
// goes with its last node, the service with its last version. An empty node id
// takes out the whole service. The error matches [registry.ErrNotFound] when
// there was nothing to take out.
func (r *Registry) Remove(service, nodeID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	old, ok := r.services[service]
	if !ok {
		return unknown(service)
	}
	if nodeID == "" {
		r.forget(old)
		r.replace(service, nil)
		return nil
	}
	left, found := without(old, nodeID)
	if !found {
		return fmt.Errorf("memory registry: service %q has no node %q: %w", service, nodeID, registry.ErrNotFound)
	}
	delete(r.ends, key{service, nodeID})
	r.replace(service, left)
	return nil
}

// Lookup returns the versions of the service in the order in which they were
// registered, or an error that matches [registry.ErrNotFound] and names the
// service. It does not block; if ctx is done it returns its error. The caller
// owns the slice and must not modify the records.
func (r *Registry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory registry: service %q: %w", service, err)
	}
	if found := r.current(service); found != nil {
		return found, nil
	}
	return nil, unknown(service)
}

// List returns every version of every service, in the order of the names and of
// their registration. It does not block; if ctx is done it returns its error.
// The caller owns the slice and must not modify the records.
func (r *Registry) List(ctx context.Context) ([]*registry.Service, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory registry: list: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	var all []*registry.Service
	for _, name := range slices.Sorted(maps.Keys(r.services)) {
		all = append(all, r.services[name]...)
	}
	return all, nil
}

// String returns "memory".
func (r *Registry) String() string { return "memory" }

func (r *Registry) current(service string) []*registry.Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	return slices.Clone(r.services[service])
}

func unknown(service string) error {
	return fmt.Errorf("memory registry: service %q: %w", service, registry.ErrNotFound)
}

func check(s *registry.Service) error {
	switch {
	case s == nil:
		return errors.New("memory registry: the service to register is nil")
	case s.Name == "":
		return errors.New("memory registry: the service to register has no name")
	}
	for i, n := range s.Nodes {
		if n == nil || n.ID == "" || n.Address == "" {
			return fmt.Errorf("memory registry: service %q: node %d of %d needs an id and an address", s.Name, i+1, len(s.Nodes))
		}
	}
	return nil
}
