// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"example.com/mailcall/broker/http"
	"example.com/mailcall/registry"
)

// lookups finds the subscribers of the http broker in a registry.
type lookups struct{ from registry.Registry }

// Nodes implements http.Discovery.
func (l lookups) Nodes(ctx context.Context, service string) ([]http.Node, error) {
	records, err := l.from.Lookup(ctx, service)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	var nodes []http.Node
	for _, record := range records {
		for _, n := range record.Nodes {
			nodes = append(nodes, http.Node{ID: n.ID, Address: n.Address, Version: record.Version, Metadata: n.Metadata})
		}
	}
	return nodes, err
}

// announcements is lookups in a registry that accepts registrations.
type announcements struct {
	lookups
	to registry.Registrar
}

// Announce implements http.Announcer.
func (a announcements) Announce(ctx context.Context, service string, n http.Node, ttl time.Duration) error {
	return a.to.Register(ctx, record(service, n), ttl)
}

// Withdraw implements http.Announcer.
func (a announcements) Withdraw(ctx context.Context, service string, n http.Node) error {
	return a.to.Deregister(ctx, record(service, n))
}

func record(service string, n http.Node) *registry.Service {
	return &registry.Service{Name: service, Version: n.Version, Nodes: []*registry.Node{{
		ID: n.ID, Address: n.Address, Metadata: n.Metadata,
	}}}
}

var (
	_ http.Discovery = lookups{}
	_ http.Announcer = announcements{}
)
