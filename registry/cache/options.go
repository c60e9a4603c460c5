// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/clock"
)

// The defaults of the options, shown by each of them.
const (
	defaultTTL         = time.Minute
	defaultPause       = 5 * time.Second
	defaultGrace       = 10 * time.Second
	defaultTimeout     = 5 * time.Second
	defaultMaxServices = 4096
)

// Option sets up a [Registry].
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

type config struct {
	rules
	timeout time.Duration
	limit   int
	clock   clock.Clock
}

// WithTTL sets how old a list may get before a lookup asks the source again.
// More than 0. Defaults to 1m (go-micro's value).
func WithTTL(d time.Duration) Option {
	return option(func(c *config) error {
		c.ttl = d
		return atLeast("WithTTL", d, 1)
	})
}

// WithPause sets how long a service is not asked for again after the source
// failed (while there is no list to serve it grows to this), and how far an empty answer and its confirmation are apart at least.
// More than 0. Defaults to 5s (go-micro's value).
func WithPause(d time.Duration) Option {
	return option(func(c *config) error {
		c.pause = d
		return atLeast("WithPause", d, 1)
	})
}

// WithGrace sets how long a node is kept that a list does not have any more;
// a second list without it ends this once a tenth of the grace is over. 0
// takes nodes out at once. Defaults to 10s (Finagle's stabilising of addresses
// takes as long as an epoch of its own, the value is ours).
func WithGrace(d time.Duration) Option {
	return option(func(c *config) error {
		c.grace = d
		return atLeast("WithGrace", d, 0)
	})
}

// WithLookupTimeout bounds one question to the source, however long callers
// would wait; over it the source counts as failing. More than 0. Defaults to
// 5s.
func WithLookupTimeout(d time.Duration) Option {
	return option(func(c *config) error {
		c.timeout = d
		return atLeast("WithLookupTimeout", d, 1)
	})
}

// WithMaxServices bounds the services that are kept. When it is reached, one
// that was not asked for within the TTL, or that does not exist, makes room;
// if there is none, lookups of further services fail with
// [ErrTooManyServices]. At least 1. Defaults to 4096.
func WithMaxServices(n int) Option {
	return option(func(c *config) error {
		if c.limit = n; n < 1 {
			return fmt.Errorf("WithMaxServices: got %d, want at least 1", n)
		}
		return nil
	})
}

// WithClock sets the source of time, for simulations: only packages of
// mailcall can make one. Defaults to the clock of the machine.
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
			continue // no option is none
		}
		if err := o.apply(&c); err != nil {
			all = append(all, fmt.Errorf("registry cache: %w", err))
		}
	}
	return c, errors.Join(all...)
}
