// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"time"

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
			why[s.Name] = "the registry was not heard of for " + s.Age.Round(time.Second).String()
		}
	}
	return why
}

// find asks the cache for a service.
func (r *Runtime) find(service string, done func([]*registry.Service, error)) {
	r.cache.Ask(service, done)
}
