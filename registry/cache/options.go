// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/clock"
)

// The defaults of the options.
const (
	defaultTTL         = time.Minute
	defaultPause       = 5 * time.Second
	defaultGrace       = 10 * time.Second
	defaultTimeout     = 5 * time.Second
	defaultMaxServices = 4096
)

// Option configures a [Registry].
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

type config struct {
	rules
	timeout time.Duration
	limit   int
	clock   clock.Clock
}

// WithTTL sets the age at which a list is looked up in the source again. More
// than 0. Defaults to 1m (go-micro's value).
func WithTTL(d time.Duration) Option {
	return option(func(c *config) error {
		c.ttl = d
		return atLeast("WithTTL", d, 1)
	})
}

// WithPause sets how long the source is not queried again for a service after it
// has failed; while there is no list to serve, the pause grows to this value. It
// is also the least time between an empty answer and its confirmation. More than
// 0. Defaults to 5s (go-micro's value).
func WithPause(d time.Duration) Option {
	return option(func(c *config) error {
		c.pause = d
		return atLeast("WithPause", d, 1)
	})
}

// WithGrace sets how long a node is kept that is missing from a list; a second
// list without it ends this after a tenth of the grace period. 0 removes nodes at
// once. Defaults to 10s.
func WithGrace(d time.Duration) Option {
	return option(func(c *config) error {
		c.grace = d
		return atLeast("WithGrace", d, 0)
	})
}

// WithLookupTimeout bounds one query to the source, however long the callers
// would wait. A query that takes longer counts as a failure. More than 0.
// Defaults to 5s.
func WithLookupTimeout(d time.Duration) Option {
	return option(func(c *config) error {
		c.timeout = d
		return atLeast("WithLookupTimeout", d, 1)
	})
}

// WithMaxServices bounds how many services are kept. Beyond that, one is dropped
// that was not looked up within the TTL or does not exist; if there is none,
// lookups of further services fail with [ErrTooManyServices]. At least 1.
// Defaults to 4096.
func WithMaxServices(n int) Option {
	return option(func(c *config) error {
		if c.limit = n; n < 1 {
			return fmt.Errorf("WithMaxServices: got %d, want at least 1", n)
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

func atLeast(name string, got, least time.Duration) error {
	if got < least {
		return fmt.Errorf("%s: got %s, want at least %s", name, got, least)
	}
	return nil
}

func configure(opts []Option) (config, error) {
	c := config{
		rules:   rules{ttl: defaultTTL, pause: defaultPause, grace: defaultGrace},
		timeout: defaultTimeout, limit: defaultMaxServices, clock: clock.Real(),
	}
	var all []error
	for _, o := range opts {
		if o == nil {
			continue // nil options are ignored
		}
		if err := o.apply(&c); err != nil {
			all = append(all, fmt.Errorf("registry cache: %w", err))
		}
	}
	return c, errors.Join(all...)
}
