// SPDX-License-Identifier: Apache-2.0

// Package dns uses the domain name system as a registry. The name of a service,
// or the target that [WithTargets] gives for it, is looked up in one of two forms:
//
//   - "name:port": every A and AAAA record of name is a node at that port.
//   - "_service._proto.name": every SRV record is a node at its host and port.
//     The address has the name of the host, which the transport resolves.
//
// Only SRV records with the lowest priority become nodes: RFC 2782 reserves the
// others for when none of these can be reached, which a registry cannot know.
// [WithAllPriorities] takes all of them, for a filter or strategy that can tell;
// the node's metadata has "priority" and "weight" of its record. A target of "."
// is a service without nodes.
//
// Nodes are ordered by their addresses and named after them, so that the same
// answer makes the same list. A name that does not exist, or has no such record,
// is [registry.ErrNotFound]; a server that fails or does not answer is another
// error, unless there are addresses of the other kind. Nothing is cached: each Lookup
// resolves again; put package cache in front of it to save queries. DNS cannot list
// services.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/internal/distinct"
)

// Resolver asks the domain name system. [net.Resolver] is one. It is used by
// many goroutines at once.
type Resolver interface {
	// LookupNetIP returns the addresses of a host; network is "ip".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	// LookupSRV returns the SRV records of name; service and proto are "".
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
}

// Registry resolves services. It is safe for concurrent use. The zero value is
// not usable; see [New].
type Registry struct{ config }

var _ registry.Registry = (*Registry)(nil)

// New returns a registry that asks the machine's resolver. It refuses options
// out of range.
func New(opts ...Option) (*Registry, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return &Registry{c}, nil
}

// Lookup resolves the service, now. The list has one record, without version.
// The slice is the caller's, and the records are nobody else's.
func (r *Registry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	target := service
	if to, ok := r.targets[service]; ok {
		target = to
	}
	nodes, err := r.resolve(ctx, service, target)
	if err != nil {
		return nil, fmt.Errorf("dns registry: service %q: %w", service, err)
	}
	return []*registry.Service{{Name: service, Nodes: nodes}}, nil
}

// Watch resolves the service at once and then in each interval, and calls changed
// with the first list and with each that differs from the one before; nil if the
// name does not exist. It returns ctx.Err() when ctx is done, and
// the error of a server that failed. Then the caller looks the service up again
// and starts a new watch.
func (r *Registry) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	if changed == nil {
		return errors.New("dns registry: watch needs a function to call")
	}
	tick := make(chan struct{}, 1)
	timer := r.clock.Timer(func() {
		select {
		case tick <- struct{}{}:
		default:
		}
	})
	defer timer.Stop()
	var told distinct.Lists
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		list, err := r.Lookup(ctx, service)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, registry.ErrNotFound):
			return err
		}
		told.Pass(list, changed)
		timer.Reset(r.clock.Now().Add(r.interval))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		}
	}
}

// String returns "dns".
func (r *Registry) String() string { return "dns" }

type config struct {
	resolver   Resolver
	targets    map[string]string
	metadata   map[string]string
	interval   time.Duration
	priorities bool
	clock      clock.Clock
}
