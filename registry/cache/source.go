// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/registry"
)

// Source is what a cache queries, without blocking, because a simulation has no
// goroutines that could block. None of the functions is called while the cache
// holds a lock, so they may answer immediately.
type Source struct {
	// Name is what [Registry.String] returns after "cache+".
	Name string
	// Lookup begins a lookup; done is called once, by any goroutine. cancel says
	// that the answer is no longer needed; it may be nil.
	Lookup func(service string, done func([]*registry.Service, error)) (cancel func())
	// Watch begins a watch: changed is called with each new list, one call at a
	// time, and ended once if the watch breaks. stop ends it. Nil if the source
	// cannot watch.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
	// List is as in [registry.Lister]; nil if the source cannot list.
	List func(context.Context) ([]*registry.Service, error)
}

// sourceOf makes a source of a registry. Each query runs on a goroutine of its
// own, which ends when the registry returns. A panic of the registry is an error.
func sourceOf(r registry.Registry) Source {
	s := Source{
		Name: r.String(),
		Lookup: func(service string, done func([]*registry.Service, error)) func() {
			ctx, cancel := background()
			go func() {
				defer cancel()
				guard.Ask(func() ([]*registry.Service, error) { return lookup(ctx, r, service) }, done)
			}()
			return cancel
		},
		Watch: func(service string, changed func([]*registry.Service), ended func(error)) func() {
			ctx, cancel := background()
			go func() {
				defer cancel()
				err := guard.ErrLeft
				defer func() { ended(err) }()
				err = watch(ctx, r, service, changed)
			}()
			return cancel
		},
	}
	if l, ok := r.(registry.Lister); ok {
		s.List = l.List
	}
	return s
}

// background returns the context for work that several callers share, which
// outlives each of them.
func background() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background()) //nolint:forbidigo // see above; the cache cancels it
}

func lookup(ctx context.Context, r registry.Registry, service string) (list []*registry.Service, err error) {
	defer guard.Catch(fmt.Sprintf("registry %T", r), &err)
	return r.Lookup(ctx, service)
}

func watch(ctx context.Context, r registry.Registry, service string, changed func([]*registry.Service)) (err error) {
	defer guard.Catch(fmt.Sprintf("registry %T", r), &err)
	return r.Watch(ctx, service, changed)
}

var errWatchEnded = errors.New("the watch ended without an error")

// tidy returns a copy of the list without nil records, nodes and endpoints. Records
// are shared, so those that have to change are copied.
func tidy(list []*registry.Service) []*registry.Service {
	var tidied []*registry.Service
	for _, s := range list {
		if s == nil {
			continue
		}
		if slices.Contains(s.Nodes, nil) || slices.Contains(s.Endpoints, nil) {
			without := *s
			without.Nodes, without.Endpoints = withoutNil(s.Nodes), withoutNil(s.Endpoints)
			s = &without
		}
		tidied = append(tidied, s)
	}
	return tidied
}

func withoutNil[T any](list []*T) []*T {
	return slices.DeleteFunc(slices.Clone(list), func(v *T) bool { return v == nil })
}
