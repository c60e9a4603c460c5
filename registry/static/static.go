// SPDX-License-Identifier: Apache-2.0

// Package static is a registry of addresses that are known in advance and never
// change: from a configuration, in tests, behind a proxy.
package static

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"example.com/mailcall/registry"
)

// Registry has the services it was made with. It is safe for concurrent use.
// Its zero value knows no service.
type Registry struct {
	services map[string]*registry.Service
}

var (
	_ registry.Registry = (*Registry)(nil)
	_ registry.Lister   = (*Registry)(nil)
)

// New returns a registry with one service at the given addresses. Without an
// address the service is known and has no node.
func New(name string, addresses ...string) *Registry {
	return Of(map[string][]string{name: addresses})
}

// Of returns a registry with the given services, each name with its addresses.
// An address that is given twice for one service counts once. The nodes speak
// go-micro's own protocol (their metadata has protocol=mucp); the id of a node
// is the name of the service, a hyphen, and the address.
func Of(services map[string][]string) *Registry {
	r := &Registry{services: make(map[string]*registry.Service, len(services))}
	for name, addresses := range services {
		r.services[name] = service(name, addresses)
	}
	return r
}

func service(name string, addresses []string) *registry.Service {
	s := &registry.Service{Name: name}
	seen := make(map[string]bool, len(addresses))
	for _, address := range addresses {
		if seen[address] {
			continue
		}
		seen[address] = true
		s.Nodes = append(s.Nodes, &registry.Node{
			ID:       name + "-" + address,
			Address:  address,
			Metadata: map[string]string{"protocol": "mucp"},
		})
	}
	return s
}

// Lookup returns the record of the service, or an error that matches
// [registry.ErrNotFound] and names the service. The caller owns the slice and
// must not modify the record.
func (r *Registry) Lookup(_ context.Context, service string) ([]*registry.Service, error) {
	s, ok := r.services[service]
	if !ok {
		return nil, fmt.Errorf("static registry: service %q: %w", service, registry.ErrNotFound)
	}
	return []*registry.Service{s}, nil
}

// List returns the record of every service in the order of their names. The
// caller owns the slice and must not modify the records.
func (r *Registry) List(context.Context) ([]*registry.Service, error) {
	all := make([]*registry.Service, 0, len(r.services))
	for _, name := range slices.Sorted(maps.Keys(r.services)) {
		all = append(all, r.services[name])
	}
	return all, nil
}

// Watch waits until ctx is done and returns its error. Nothing ever changes, so
// changed is not called.
func (r *Registry) Watch(ctx context.Context, _ string, _ func([]*registry.Service)) error {
	<-ctx.Done()
	return ctx.Err()
}

// String returns "static".
func (r *Registry) String() string { return "static" }
