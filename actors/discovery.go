// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
)

// openCache puts a cache in front of the registry, unless the registry is a
// cache itself.
func (r *Runtime) openCache() (err error) {
	if c, ok := r.Registry.(*cache.Registry); ok && r.Simulation == nil {
		r.cache = c
		return nil
	}
	source := cache.Source{
		Name: "registry", Watch: r.watch,
		Lookup: func(service string, done func([]*registry.Service, error)) func() {
			r.lookup(service, done)
			return nil
		},
	}
	if r.Registry != nil {
		source.Name = r.Registry.String()
	}
	r.cache, err = cache.NewOf(source, cache.WithClock(r.Clock), cache.WithMaxServices(r.MaxServices))
	return err
}

// stale returns, by service, why a list of nodes may be out of date.
func (r *Runtime) stale() map[string]string {
	why := make(map[string]string)
	for _, s := range r.cache.Inspect().Services {
		switch {
		case !s.Stale:
		case s.Err != nil:
			why[s.Name] = s.Err.Error()
		case s.Doubt:
			why[s.Name] = "the registry names no node, after a failure; it is asked again before that is believed"
		default:
			why[s.Name] = "nothing was heard from the registry for " + s.Age.Round(time.Second).String()
		}
	}
	return why
}

// find asks the cache for a service.
func (r *Runtime) find(service string, done func([]*registry.Service, error)) {
	r.cache.Ask(service, done)
}

// lookupTimeout bounds one registry lookup.
const lookupTimeout = 5 * time.Second

// errNoRegistry is the error of every lookup if the client has no registry.
var errNoRegistry = fmt.Errorf("%w: the client has no registry (WithRegistry) and the call no address (WithAddress)", registry.ErrNotFound)

// lookup asks the registry outside of any turn.
func (r *Runtime) lookup(service string, done func([]*registry.Service, error)) {
	switch {
	case r.Simulation != nil:
		r.Simulation.Lookup(service, done)
		return
	case r.Registry == nil:
		done(nil, errNoRegistry)
		return
	}
	r.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, lookupTimeout)
		defer cancel()
		guard.Ask(func() ([]*registry.Service, error) { return r.ask(ctx, service) }, done)
	})
}

func (r *Runtime) ask(ctx context.Context, service string) (records []*registry.Service, err error) {
	defer guard.Catch("registry", &err)
	records, err = r.Registry.Lookup(ctx, service)
	if errors.Is(err, registry.ErrNotFound) {
		err = fmt.Errorf("%w; is it registered under this name?", err)
	}
	return records, err
}

// watch follows the registry outside of any turn.
func (r *Runtime) watch(service string, changed func([]*registry.Service), ended func(error)) (stop func()) {
	switch {
	case r.Simulation != nil && r.Simulation.Watch != nil:
		return r.Simulation.Watch(service, changed, ended)
	case r.Simulation != nil || r.Registry == nil:
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // it lasts as long as the selector
	r.Go(func() {
		err := guard.ErrLeft
		defer func() {
			if ctx.Err() == nil {
				ended(err)
			}
		}()
		err = r.follow(ctx, service, changed)
	})
	return cancel
}

func (r *Runtime) follow(ctx context.Context, service string, changed func([]*registry.Service)) (err error) {
	defer guard.Catch("registry", &err)
	return r.Registry.Watch(ctx, service, changed)
}
