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

// Source is what a cache asks, in a form that does not wait: a simulation has
// no goroutine that could. None of the functions is called while the cache
// holds a lock, so they may answer at once.
type Source struct {
	// Name is what [Registry.String] returns behind "cache+".
	Name string
	// Lookup begins a lookup; done is called once, from anywhere. cancel says
	// that the answer is not waited for any more; it may be nil.
	Lookup func(service string, done func([]*registry.Service, error)) (cancel func())
	// Watch begins a watch: changed is called with each new list, one call at
	// a time, and ended once if the watch breaks. stop ends it. Nil is a
	// source without watch.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
	// List is [registry.Lister]'s; nil is a source that cannot.
	List func(context.Context) ([]*registry.Service, error)
}

// sourceOf asks a registry, each question on a goroutine of its own that ends
// with the registry's answer. A panic of the registry is an error.
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

// background is the context of work that is shared: it outlives each of the
// callers that wait for it.
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

// tidy returns a list of our own without what a source should not have put
// there: nil records and nil nodes. Records are shared, so they are copied
// where they need to change.
func tidy(list []*registry.Service) []*registry.Service {
	var tidied []*registry.Service
	for _, s := range list {
		if s == nil {
			continue
		}
		if slices.Contains(s.Nodes, nil) {
			without := *s
			without.Nodes = slices.DeleteFunc(slices.Clone(s.Nodes), func(n *registry.Node) bool { return n == nil })
			s = &without
		}
		tidied = append(tidied, s)
	}
	return tidied
}
