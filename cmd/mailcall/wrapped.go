// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
)

// staticRegistry is a static registry with the protocol of its nodes.
type staticRegistry struct {
	*static.Registry

	protocol string
}

// Lookup implements registry.Registry.
func (s staticRegistry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	found, err := s.Registry.Lookup(ctx, service)
	if s.protocol == protocolMucp {
		return found, err // unchanged
	}
	for i, f := range found {
		record := *f
		record.Nodes = nil
		for _, n := range f.Nodes {
			node := *n
			node.Metadata = map[string]string{"protocol": s.protocol}
			record.Nodes = append(record.Nodes, &node)
		}
		found[i] = &record
	}
	return found, err
}

// singleName is a registry that returns the nodes of one name for every service.
type singleName struct {
	registry.Registry

	target string
}

// Lookup implements registry.Registry.
func (a singleName) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	found, err := a.Registry.Lookup(ctx, a.target)
	return a.rename(found, service), err
}

// Watch implements registry.Registry.
func (a singleName) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	return a.Registry.Watch(ctx, a.target, func(found []*registry.Service) { changed(a.rename(found, service)) })
}

func (singleName) rename(found []*registry.Service, name string) []*registry.Service {
	if found == nil {
		return nil
	}
	renamed := make([]*registry.Service, len(found))
	for i, f := range found {
		s := *f
		s.Name = name
		renamed[i] = &s
	}
	return renamed
}
