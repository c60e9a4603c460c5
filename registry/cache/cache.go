// SPDX-License-Identifier: Apache-2.0

// Package cache keeps what a registry said, so that a client does not depend
// on it at each moment, and does not believe everything it says when it is
// unwell. It is a [registry.Registry] in front of another, the source.
//
// # Lookups
//
// A list is served from memory until it is as old as the TTL. Then the next
// lookup asks the source and waits for the answer; all lookups of a service
// share one question, each ends with its own context, and the question ends at
// the lookup timeout. That a service does not exist, or has no node, is never
// served from memory: each lookup asks.
//
// # Failures
//
// The source has failed when a lookup ends with an error other than
// [registry.ErrNotFound], when it takes longer than the lookup timeout, and
// when a watch breaks. After a lookup that failed the service is not asked for
// again before the pause is over. Meanwhile, and until an answer comes, the
// last list with nodes is served at once, however old it is, and the source is
// asked beside it. Without such a list lookups get the error, and the pause
// after the first failure in a row is 0, after the second 1/64 of what is set,
// and doubles from there, so that a client that begins survives a hiccup.
// [Registry.Inspect] shows how stale a list is, and why.
//
// # Empty lists
//
// An empty answer is one without any node: [registry.ErrNotFound], an empty
// list, or versions without nodes. Once the source has failed, for whichever
// service, it is not believed when it says that a service has gone: an empty
// answer for a service with nodes, the first answer for this service since the
// failure, is put aside, and the last list stays in force. It is applied when
// it is confirmed: by another empty answer at least one pause after the first,
// with no failure for this service between them. Any answer with nodes is
// believed, and ends the doubt for its service. The first answer ever for a
// service is believed whatever it is.
//
// # Removals
//
// Nodes that are new, and changes of a node (by its id), apply at once. A node
// that is missing in an answer is kept, behind the others of its version and
// marked as leaving, until the first of these: an answer that has it again; a
// second answer without it that comes at least a tenth of the grace after the
// first one; the end of the grace, which does not come while the source fails
// for this service or an empty answer waits for its confirmation. A confirmed
// empty answer removes all. With a grace of 0 nodes go at once.
//
// # Watches
//
// All watches of a service share one watch of the source. Its lists are
// answers as those of lookups, and a lookup that was asked for before the watch
// last spoke is not applied: its answer may be older. Watchers are told what
// callers of Lookup see, after the same damping, at the start (if anything is
// known) and after each change, whether a watch, a lookup or the end of a grace
// brought it. While there are watchers the cache asks by itself, once in a
// pause, as long as the source fails or an empty answer waits to be confirmed.
// When the source's watch breaks, the watches end with its error; the next
// lookup asks again.
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
	// ErrTooManyServices says that the bound of [WithMaxServices] is reached and every
	// service is in use.
	ErrTooManyServices = errors.New("registry cache: too many services")
	// ErrClosed says that the cache was closed.
	ErrClosed = errors.New("registry cache: closed")
)

// Registry is a cache in front of a source. It is used by any number of
// goroutines at once. Its zero value is of no use, see [New].
type Registry struct {
	config
	source Source

	mu       sync.Mutex
	services map[string]*service
	// failures counts those of the source, for all services together; lastErr
	// and failedAt are those of the last.
	failures uint64
	lastErr  error
	failedAt clock.Instant
	closed   bool
}

var (
	_ registry.Registry = (*Registry)(nil)
	_ registry.Lister   = (*Registry)(nil)
)

// New returns a cache in front of a registry. It refuses nil and options out of
// range. Close it when it is not needed any more.
func New(source registry.Registry, opts ...Option) (*Registry, error) {
	if source == nil {
		return nil, errors.New("registry cache: the source is nil")
	}
	return NewOf(sourceOf(source), opts...)
}

// NewOf is [New] for a source that does not wait. It refuses one without
// Lookup.
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
// and the error of ctx. The slice is the caller's, the records are not to be
// changed.
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

// List passes the question on to the source; nothing of it is kept. It returns
// an error that matches [errors.ErrUnsupported] if the source cannot list.
func (r *Registry) List(ctx context.Context) ([]*registry.Service, error) {
	if r.source.List == nil {
		return nil, fmt.Errorf("registry cache: %s cannot list its services: %w", r.source.Name, errors.ErrUnsupported)
	}
	return r.source.List(ctx)
}

// Expire makes the next lookup of the service ask the source, if the source
// was not asked for it within the pause: for a caller that has reason to think
// that the list is old, such as nodes that refuse connections. It does not
// change what is served until then, and does nothing for an unknown service.
func (r *Registry) Expire(service string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.services[service]; s != nil && r.clock.Now() >= s.asked.Add(r.pause) {
		s.expired = true
	}
}

// Close ends the questions and watches that are under way. Lookups and watches
// end, and fail from then on, with [ErrClosed]. It does not wait for the
// source, does not close it, and may be repeated. It returns nil.
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

// answer is what a lookup gets.
type answer struct {
	list []*registry.Service
	err  error
}

// waiter is a lookup that waits for the source.
type waiter struct{ done func(answer) }

// result is what a lookup gets from what is believed. why is the source's own
// error, if it gave one.
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
