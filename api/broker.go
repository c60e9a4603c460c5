// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/broker/http"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

// NewHTTPBroker returns go-micro's broker, which posts messages to subscribers
// that it finds through r. Subscribing needs a registry that takes
// registrations ([registry.Registrar]). It belongs to the caller, who closes
// it. A client that has a registry and no broker publishes through one of its
// own.
func NewHTTPBroker(r registry.Registry, opts ...http.Option) (*http.Broker, error) {
	if r == nil {
		return nil, errors.New("http broker: nil registry, it says where subscribers are")
	}
	d := discovery{r}
	if registrar, ok := r.(registry.Registrar); ok {
		return http.New(announcing{d, registrar}, opts...)
	}
	return http.New(d, opts...)
}

// discovery finds subscribers in a registry.
type discovery struct{ registry registry.Registry }

// Nodes implements the broker's Discovery.
func (d discovery) Nodes(ctx context.Context, service string) (nodes []http.Node, err error) {
	records, err := d.registry.Lookup(ctx, service)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rpcerr.ErrRegistryUnavailable, err)
	}
	for _, r := range records {
		for _, n := range r.Nodes {
			nodes = append(nodes, http.Node{ID: n.ID, Address: n.Address, Version: r.Version, Metadata: n.Metadata})
		}
	}
	return nodes, nil
}

// announcing registers subscribers as well.
type announcing struct {
	discovery
	registrar registry.Registrar
}

// Announce implements the broker's Announcer.
func (a announcing) Announce(ctx context.Context, service string, n http.Node, ttl time.Duration) error {
	return a.registrar.Register(ctx, record(service, n), ttl)
}

// Withdraw implements the broker's Announcer.
func (a announcing) Withdraw(ctx context.Context, service string, n http.Node) error {
	return a.registrar.Deregister(ctx, record(service, n))
}

func record(service string, n http.Node) *registry.Service {
	return &registry.Service{
		Name: service, Version: n.Version,
		Nodes: []*registry.Node{{ID: n.ID, Address: n.Address, Metadata: n.Metadata}},
	}
}
