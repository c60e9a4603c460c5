// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"time"

	"example.com/mailcall/internal/clock"
)

// defaultInterval is how often a watch resolves: the time to live that
// Kubernetes gives the names of services.
const defaultInterval = 30 * time.Second

// Option configures a [Registry].
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

// WithTargets says where services are found: it maps the names that callers use to
// "name:port" or "_service._proto.name". Other services are looked up under their
// own names. Several uses of the option add up. Defaults to none.
func WithTargets(targets map[string]string) Option {
	return option(func(c *config) error {
		var all []error
		for service, target := range targets {
			if _, err := parse(target); err != nil {
				all = append(all, fmt.Errorf("WithTargets: %s: %w", service, err))
			}
		}
		maps.Copy(c.targets, targets)
		return errors.Join(all...)
	})
}

// WithMetadata sets metadata of all nodes, in addition to protocol=mucp (go-micro's
// own protocol) or replacing it: protocol=grpc, transport=grpc for servers that
// speak gRPC. An empty value removes a name. Defaults to protocol=mucp only.
func WithMetadata(metadata map[string]string) Option {
	return option(func(c *config) error {
		for name, value := range metadata {
			if c.metadata[name] = value; value == "" {
				delete(c.metadata, name)
			}
		}
		return nil
	})
}

// WithInterval sets how often a watch resolves. More than 0. Defaults to 30s.
func WithInterval(d time.Duration) Option {
	return option(func(c *config) error {
		if c.interval = d; d <= 0 {
			return fmt.Errorf("WithInterval: got %s, want more than 0", d)
		}
		return nil
	})
}

// WithAllPriorities makes nodes of all SRV records, not only of those with the
// lowest priority. It has no effect on names with a port.
func WithAllPriorities() Option {
	return option(func(c *config) error {
		c.priorities = true
		return nil
	})
}

// WithResolver sets the resolver. Defaults to that of the machine, a
// [net.Resolver].
func WithResolver(r Resolver) Option {
	return option(func(c *config) error {
		if c.resolver = r; r == nil {
			return errors.New("WithResolver: got nil, want a resolver")
		}
		return nil
	})
}

// WithClock sets the source of time, for simulations; only packages of mailcall
// can make one. Defaults to the clock of the machine.
func WithClock(t clock.Clock) Option {
	return option(func(c *config) error {
		if c.clock = t; t == nil {
			return errors.New("WithClock: got nil, want a clock")
		}
		return nil
	})
}

func configure(opts []Option) (config, error) {
	c := config{
		resolver: &net.Resolver{}, targets: map[string]string{},
		metadata: map[string]string{"protocol": "mucp"},
		interval: defaultInterval, clock: clock.Real(),
	}
	var all []error
	for _, o := range opts {
		if o == nil {
			continue // nil options are ignored
		}
		if err := o.apply(&c); err != nil {
			all = append(all, fmt.Errorf("dns registry: %w", err))
		}
	}
	return c, errors.Join(all...)
}
