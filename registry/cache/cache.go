// SPDX-License-Identifier: Apache-2.0

// Package cache is a [registry.Registry] in front of another one, the source. It
// lets a client go on while the source is unavailable, and does not let a faulty
// answer take all nodes away.
//
// # Lookups
//
// A list is served from memory until its age reaches the TTL. Then the next
// lookup asks the source and waits for the answer. All lookups of a service share
// one query to the source; each lookup ends with its own context, and the query
// ends at the lookup timeout. That a service does not exist or has no nodes is
// never served from memory: each lookup asks the source.
//
// # Failures
//
// The source has failed if a query ends with an error other than
// [registry.ErrNotFound] or takes longer than the lookup timeout, or if a watch
// breaks. After a failed query the source is not queried again for this service
// until the pause is over. Until it has answered, the last list with nodes is
// served at once, however old it is, and the source is queried in the background.
//
// If there is no such list, lookups get the error. Then the pause is 0 after the
// first failure in a row, 1/64 of the configured one after the second, and
// doubles from there, so that a client that has just started survives a short
// outage. [Registry.Inspect] shows how stale a list is, and why.
//
// # Empty lists
//
// An empty answer is one without any node: [registry.ErrNotFound], an empty list,
// or versions without nodes. After the source has failed, for any service, an
// empty answer for a service with nodes is not applied if it is the first answer
// for this service since the failure; the last list stays in force. The empty
// answer is applied once it is confirmed by another one, at least one pause after
// the first and without a failure for this service in between. An answer with
// nodes is always applied and ends the doubt about its service. The first answer
// ever for a service is always applied.
//
// # Removals
//
// New nodes, and changes of a node (identified by its id), apply at once. A node
// that is missing from an answer is kept, behind the other nodes of its version
// and marked as leaving, until
//
//   - an answer contains it again,
//   - a second answer without it comes, at least a tenth of the grace period
//     after the first one, or
//   - the grace period ends; it does not end while the source fails for this
//     service, or while an empty answer is waiting for confirmation.
//
// A confirmed empty answer removes all nodes. With a grace period of 0 nodes are
// removed at once.
//
// # Watches
//
// All watches of a service share one watch of the source. The lists that it
// reports are handled like the answers to queries. The answer to a query that
// began before the watch last reported a list is not applied, because it may be
// older. Watchers get what Lookup would return: once at the start, if anything is
// known, and after each change, be it caused by a watch, a query or the end of a
// grace period. While there are watchers and the source fails, or an empty answer
// is waiting for confirmation, the cache queries the source once per pause. If
// the source's watch breaks, all watches end with its error, and the next lookup
// queries the source.
package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
)

var (
	// ErrTooManyServices says that the bound of [WithMaxServices] is reached and
	// every service is in use.
	ErrTooManyServices = errors.New("registry cache: too many services")
	// ErrClosed says that the cache was closed.
	ErrClosed = errors.New("registry cache: closed")
)

// Registry is a cache in front of a source. It is safe for concurrent use. The
// zero value is not usable; see [New].
type Registry struct {
	config
	source Source

	mu       sync.Mutex
	services map[string]*service
	// failures counts the failures of the source, for all services; lastErr and
	// failedAt are the error and the time of the last one.
	failures uint64
	lastErr  error
	failedAt clock.Instant
	closed   bool
}

var (
	_ registry.Registry = (*Registry)(nil)
	_ registry.Lister   = (*Registry)(nil)
)

// New returns a cache in front of a registry. It returns an error if source is
// nil or an option is out of range. The cache must be closed.
func New(source registry.Registry, opts ...Option) (*Registry, error) {
	if source == nil {
		return nil, errors.New("registry cache: the source is nil")
	}
	return NewOf(sourceOf(source), opts...)
}

// NewOf is [New] for a source that does not block. It returns an error if the
// source has no Lookup.
func NewOf(source Source, opts ...Option) (*Registry, error) {
	c, err := configure(opts)
	if err == nil && source.Lookup == nil {
		err = errors.New("registry cache: the source has no Lookup")
	}
	if err != nil {
		return nil, err
	}
	return &Registry{config: c, source: source, services: make(map[string]*service)}, nil
}

// Lookup implements [registry.Registry] as the package says. The error of a
// source that fails is wrapped; others are [ErrTooManyServices], [ErrClosed]
// and the error of ctx. The caller owns the slice and must not modify the
// records.
func (r *Registry) Lookup(ctx context.Context, service string) ([]*registry.Service, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("registry cache: service %q: %w", service, err)
	}
	answers := make(chan answer, 1)
	leave := r.Ask(service, func(list []*registry.Service, err error) { answers <- answer{list, err} })
	select {
	case a := <-answers:
		return a.list, a.err
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("registry cache: service %q: %w while %s is asked", service, ctx.Err(), r.source.Name)
	}
}

// List asks the source; its answer is not cached. It returns an error that
// matches [errors.ErrUnsupported] if the source cannot list.
func (r *Registry) List(ctx context.Context) ([]*registry.Service, error) {
	if r.source.List == nil {
		return nil, fmt.Errorf("registry cache: %s cannot list its services: %w", r.source.Name, errors.ErrUnsupported)
	}
	return r.source.List(ctx)
}

// Expire makes the next lookup of the service query the source, unless it was
// queried for it within the pause. It is for callers that have reason to think
// that the list is out of date, for example because nodes refuse connections. It
// does not change what is served until then, and does nothing for an unknown
// service.
func (r *Registry) Expire(service string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.services[service]; s != nil && r.clock.Now() >= s.asked.Add(r.pause) {
		s.expired = true
	}
}

// Close ends all queries and watches. Lookups and watches fail with [ErrClosed],
// also later ones. It neither waits for the source nor closes it, and may be
// repeated. It returns nil.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	do := make([]func(), 0, len(r.services))
	for _, s := range r.services {
		do = append(do, s.end(ErrClosed)...)
	}
	clear(r.services)
	r.mu.Unlock()
	run(do)
	return nil
}

// String returns "cache+" and the name of the source.
func (r *Registry) String() string { return "cache+" + r.source.Name }

func run(do []func()) {
	for _, f := range do {
		f()
	}
}

// answer is the result of a lookup.
type answer struct {
	list []*registry.Service
	err  error
}

// waiter is a lookup that waits for the source.
type waiter struct{ done func(answer) }

// result returns what a lookup gets from the list in force. why is the source's
// error, if there is one.
func (s *service) result(why error) answer {
	failed := why != nil && !errors.Is(why, registry.ErrNotFound)
	switch {
	case nodes(s.visible) > 0, len(s.visible) > 0 && !failed:
		return answer{list: slices.Clone(s.visible)}
	case why != nil:
		return answer{err: fmt.Errorf("registry cache: %w", why)}
	default:
		return answer{err: fmt.Errorf("registry cache: service %q: %w", s.name, registry.ErrNotFound)}
	}
}
