// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

// key identifies a node; the same id may be registered under several services.
type key struct{ service, node string }

var _ registry.Registrar = (*Registry)(nil)

// Register implements [registry.Registrar]. A service is removed with its last
// node; one that was added without nodes stays.
func (r *Registry) Register(ctx context.Context, service *registry.Service, ttl time.Duration) error {
	switch err := check(service); {
	case err != nil:
		return err
	case len(service.Nodes) == 0:
		return fmt.Errorf("memory registry: service %q: it has no node to announce", service.Name)
	case ttl < 0:
		return fmt.Errorf("memory registry: service %q: ttl %s is negative, 0 is for ever", service.Name, ttl)
	case ctx.Err() != nil:
		return fmt.Errorf("memory registry: service %q: %w", service.Name, ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.register(service, ttl)
	return nil
}

// Deregister implements [registry.Registrar].
func (r *Registry) Deregister(ctx context.Context, service *registry.Service) error {
	switch {
	case service == nil:
		return errors.New("memory registry: the service to deregister is nil")
	case ctx.Err() != nil:
		return fmt.Errorf("memory registry: service %q: %w", service.Name, ctx.Err())
	}
	for _, n := range service.Nodes {
		if n == nil || n.ID == "" {
			continue // there is no such node
		}
		err := r.Remove(service.Name, n.ID)
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
	}
	return nil
}

// register adds a record that has been checked. r.mu is held.
func (r *Registry) register(service *registry.Service, ttl time.Duration) {
	r.prune()
	for _, n := range service.Nodes {
		delete(r.ends, key{service.Name, n.ID})
	}
	if ttl > 0 && len(service.Nodes) > 0 {
		end := r.time().Now().Add(ttl)
		for _, n := range service.Nodes {
			r.ends[key{service.Name, n.ID}] = end
		}
	}
	r.replace(service.Name, merge(r.services[service.Name], service))
	r.arm()
}

// time returns the clock. It is made when first needed, so that the zero value
// works.
func (r *Registry) time() clock.Clock {
	if r.clock == nil {
		r.clock = clock.Real()
	}
	if r.ends == nil {
		r.ends = make(map[key]clock.Instant)
		r.timer = r.clock.Timer(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.prune()
			r.arm()
		})
	}
	return r.clock
}

// prune removes the expired nodes. Readers call it too, because a timer may be
// late. r.mu is held.
func (r *Registry) prune() {
	if len(r.ends) == 0 {
		return
	}
	now := r.clock.Now()
	for k, end := range r.ends {
		if now < end {
			continue
		}
		delete(r.ends, k)
		left, _ := without(r.services[k.service], k.node)
		r.replace(k.service, left)
	}
}

// arm sets the timer for the node that expires first. r.mu is held.
func (r *Registry) arm() {
	var first clock.Instant
	for _, end := range r.ends {
		if first == 0 || end < first {
			first = end
		}
	}
	switch {
	case first != 0:
		r.timer.Reset(first)
	case r.timer != nil:
		r.timer.Stop()
	}
}

// forget drops the expiry of all nodes of a service that is removed. r.mu is held.
func (r *Registry) forget(list []*registry.Service) {
	for _, s := range list {
		for _, n := range s.Nodes {
			delete(r.ends, key{s.Name, n.ID})
		}
	}
}
