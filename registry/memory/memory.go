// SPDX-License-Identifier: Apache-2.0

// Package memory is the registry inside the process: a program registers nodes
// by hand, and every client that was given the registry sees them at once.
package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/mailcall/registry"
)

// Registry holds records in memory until they are taken out; there is no
// expiry. It is used by any number of goroutines at once. Its
// zero value is an empty registry.
type Registry struct {
	mu sync.Mutex
	// services has the versions of each service in the order in which they
	// came. The slices and records are replaced, never changed in place.
	services map[string][]*registry.Service
	watchers map[string]map[*watcher]struct{}
}

var _ registry.Registry = (*Registry)(nil)

// New returns a registry with the given records. A record that [Registry.Register]
// would refuse is left out.
func New(services ...*registry.Service) *Registry {
	r := &Registry{}
	for _, s := range services {
		if check(s) == nil {
			r.replace(s.Name, merge(r.services[s.Name], s))
		}
	}
	return r
}

// Register adds the nodes of service to those of the same name and version. A
// node whose id is known already is replaced, in whichever version it was;
// metadata and endpoints of the version become those of service. A service
// without nodes becomes known. It refuses a nil service or node, and an empty
// name, node id or address. The record must not be changed afterwards.
func (r *Registry) Register(service *registry.Service) error {
	if err := check(service); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replace(service.Name, merge(r.services[service.Name], service))
	return nil
}

// Deregister takes the node with the given id out of the service. A version
// goes with its last node, the service with its last version. An empty node id
// takes out the whole service. The error matches [registry.ErrNotFound] when
// there was nothing to take out.
func (r *Registry) Deregister(service, nodeID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.services[service]
	if !ok {
		return unknown(service)
	}
	if nodeID == "" {
		r.replace(service, nil)
		return nil
	}
	left, found := without(old, nodeID)
	if !found {
		return fmt.Errorf("memory registry: service %q has no node %q: %w", service, nodeID, registry.ErrNotFound)
	}
	r.replace(service, left)
	return nil
}

// Lookup returns the versions of the service in the order in which they were
// registered, or an error that matches [registry.ErrNotFound] and names the
// service. It does not block; with a ctx that has ended it returns its error.
// The slice is the caller's, the records are not to be changed.
func (r *Registry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory registry: service %q: %w", service, err)
	}
	if found := r.current(service); found != nil {
		return found, nil
	}
	return nil, unknown(service)
}

// String returns "memory".
func (r *Registry) String() string { return "memory" }

func (r *Registry) current(service string) []*registry.Service {
	r.mu.Lock()
	defer r.mu.Unlock()
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
