// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"example.com/mailcall/broker/http"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
)

// NewHTTPBroker returns go-micro's HTTP broker, which posts messages to the
// subscribers that it finds in r. It looks them up for each publish. Subscribing
// needs a registry that accepts registrations ([registry.Registrar]). The caller
// must close the broker.
//
// A client with a registry and without a broker makes an HTTP broker itself. That
// one caches subscribers while the registry's watch works, for at most ten
// seconds.
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

// How the client's own broker caches subscribers. Changes arrive by the
// registry's watch; the maximum age is for subscribers that disappear without
// deregistering.
const (
	subscribersAge   = 10 * time.Second
	subscribersPause = time.Second // between lookups after a failure or for an unknown topic
)

// ownBroker makes the broker of a client that was given none. A lookup for each
// publish may take long, so subscribers are cached; whoever closes the broker
// must close the cache as well.
func ownBroker(r registry.Registry) (*http.Broker, io.Closer, error) {
	// No grace: a subscriber that was removed has deregistered and must not get
	// messages any more.
	seen, err := cache.New(r, cache.WithTTL(subscribersAge), cache.WithPause(subscribersPause), cache.WithGrace(0))
	if err != nil {
		return nil, nil, err
	}
	var d http.Discovery = &remembered{discovery: discovery{seen}, seen: seen}
	if inProcess(r) {
		d = discovery{r}
	}
	b, err := http.New(d)
	return b, seen, err
}

// inProcess reports whether r answers from memory, so that its answers are
// immediate and up to date.
func inProcess(r registry.Registry) bool {
	switch r.(type) {
	case *memory.Registry, *static.Registry:
		return true
	}
	return false
}

// remembered finds subscribers in a cache in front of the registry.
type remembered struct {
	discovery

	seen      *cache.Registry
	following atomic.Bool
}

// Nodes implements the broker's Discovery.
func (r *remembered) Nodes(ctx context.Context, service string) ([]http.Node, error) {
	if !r.following.Swap(true) {
		r.seen.Follow(service, func([]*registry.Service) {}, func(error) { r.following.Store(false) })
	}
	return r.discovery.Nodes(ctx, service)
}

// Forget implements the broker's Forgetter.
func (r *remembered) Forget(service string) { r.seen.Expire(service) }

// announcing finds subscribers and also registers them.
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
