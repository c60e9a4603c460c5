// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"sync/atomic"

	"example.com/mailcall/actors"
	"example.com/mailcall/messages"
)

// Caller is the client that [New] returns: a [Client] that can also be closed and
// inspected. It is safe for concurrent use.
type Caller struct {
	runtime *actors.Runtime
	own     []io.Closer // the broker that the client has made, and its cache
	current atomic.Pointer[config]
	init    sync.Mutex // one Init at a time
	// exchanges are recycled from call to call. They have reserved ids, so they
	// must not be shared with another client.
	exchanges sync.Pool
	bodies    sync.Pool // of *buffer, for encoded requests

	_   [64]byte     // separates what every call reads from what it writes
	ids atomic.Int64 // the first Micro-Id that is not reserved
	_   [64]byte
}

var _ Client = (*Caller)(nil)

// New starts a client. It checks all options and reports every invalid one in
// one error. It neither dials nor listens. The client must be closed.
func New(opts ...Option) (*Caller, error) {
	options, err := resolve(DefaultOptions(), opts)
	if err != nil {
		return nil, fmt.Errorf("mailcall: options: %w", err)
	}
	if options.Seed == 0 {
		options.Seed = new(maphash.Hash).Sum64()
	}
	var own []io.Closer
	if options.Broker == nil && options.Registry != nil {
		b, seen, err := ownBroker(options.Registry)
		if err != nil {
			return nil, fmt.Errorf("mailcall: %w", err)
		}
		options.Broker, own = b, append(own, b, seen)
	}
	runtime, err := actors.New(actors.Config{
		System: options.ActorSystem, Name: options.Name, Logger: options.Logger,
		Seed: options.Seed, Registry: options.Registry, Transports: options.Transports,
		Limits: options.limits(), Policy: options.policy(), Budget: options.budget(),
		MaxCalls: options.MaxCalls, MaxStreams: options.MaxStreams, MaxServices: options.MaxServices, Broker: options.Broker,
	})
	if err != nil {
		return nil, fmt.Errorf("mailcall: %w", err)
	}
	c := &Caller{runtime: runtime, own: own}
	c.exchanges.New = newExchange
	c.bodies.New = func() any { return &buffer{pool: &c.bodies} }
	c.current.Store(newConfig(c, options)) // wrappers may use the client that they are given
	if err := c.use(options); err != nil {
		c.Close(context.Background()) //nolint:forbidigo // no call is in flight
		return nil, fmt.Errorf("mailcall: options: %w", err)
	}
	return c, nil
}

// use puts options in force.
func (c *Caller) use(o Options) error {
	cfg := newConfig(c, o)
	if err := cfg.wrap(); err != nil {
		return err
	}
	c.current.Store(cfg)
	return nil
}

// resolve applies options to a copy of base: first environment and file, then
// those given in code.
func resolve(base Options, opts []Option) (Options, error) {
	o := base.clone()
	var faults []error
	for _, source := range []string{sourceEnv, sourceFile} {
		for _, opt := range opts {
			if low, ok := opt.(lowOption); ok && low.source == source {
				faults = append(faults, low.load(&o)...)
			}
		}
	}
	for i, opt := range opts {
		if opt == nil {
			faults = append(faults, fmt.Errorf("option %d of %d is nil", i+1, len(opts)))
			continue
		}
		opt.applyClient(&o)
	}
	faults = append(faults, o.check())
	return o, errors.Join(faults...)
}

func (o *Options) limits() messages.PoolLimits {
	return messages.PoolLimits{
		Size: o.PoolSize, Max: o.PoolMax, Waiters: o.PoolWaiters,
		TTL: o.PoolTTL, IdleTimeout: o.PoolIdleTimeout, DialTimeout: o.DialTimeout,
	}
}

func (o *Options) policy() messages.SelectorPolicy {
	return messages.SelectorPolicy{Filters: o.Filters, Picker: o.Strategy, Transport: o.Transport}
}

func (o *Options) budget() messages.Budget {
	return messages.Budget{Max: o.RetryBudget, Ratio: o.RetryBudgetRatio, Reserve: o.RetryBudgetReserve}
}

// Init implements [Client].
func (c *Caller) Init(opts ...Option) error {
	c.init.Lock()
	defer c.init.Unlock()
	old := c.current.Load().options
	o, err := resolve(old, opts)
	if err = errors.Join(err, o.checkFixed(&old)); err == nil {
		err = c.use(o)
	}
	if err != nil {
		return fmt.Errorf("mailcall: options: %w", err)
	}
	c.runtime.Configure(o.limits(), o.policy(), o.budget())
	return nil
}

// Options implements [Client].
func (c *Caller) Options() Options { return c.current.Load().options.clone() }

// NewMessage implements [Client].
func (c *Caller) NewMessage(topic string, msg any, opts ...MessageOption) Message {
	m := &message{topic: topic, payload: msg, contentType: c.current.Load().options.ContentType}
	for _, o := range opts {
		if o != nil { // nil options are ignored
			o.applyMessage(m)
		}
	}
	return m
}

// NewRequest implements [Client].
func (c *Caller) NewRequest(service, endpoint string, req any, opts ...RequestOption) Request {
	r := &request{service: service, endpoint: endpoint, body: req, contentType: c.current.Load().options.ContentType}
	for _, o := range opts {
		if o != nil { // nil options are ignored
			o.applyRequest(r)
		}
	}
	return r
}

// String implements [Client].
func (c *Caller) String() string { return "mailcall" }

// Close refuses new calls and streams, waits for those in progress until ctx is
// done, cancels the rest, closes every connection and stops every actor. It
// returns how many calls and streams it cancelled. A nil ctx counts as done. It
// leaves code of yours behind that hangs for about three seconds more. A further
// Close does nothing and returns the same number.
func (c *Caller) Close(ctx context.Context) (cut int) {
	cut = c.runtime.Close(ctx)
	for _, thing := range c.own {
		_ = thing.Close() // it has no subscriptions, so it cannot fail
	}
	return cut
}

// Runtime returns the actors behind the client, for package inspect.
func (c *Caller) Runtime() *actors.Runtime { return c.runtime }
