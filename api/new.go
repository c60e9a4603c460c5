// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"example.com/mailcall/actors"
	"example.com/mailcall/messages"
)

// Caller is the client that [New] makes: a [Client] with an end and an inside.
type Caller struct {
	runtime *actors.Runtime
	own     []io.Closer // the broker and what it needs, none unless they are ours
	current atomic.Pointer[config]
	init    sync.Mutex // one Init at a time
	// exchanges are recycled from call to call. They set ids aside, so they
	// are never shared with another client.
	exchanges sync.Pool
	bodies    sync.Pool // of *room, for encoded requests

	_   [64]byte     // every call reads what is above and writes what is below
	ids atomic.Int64 // the first Micro-Id that nobody has set aside
	_   [64]byte
}

var _ Client = (*Caller)(nil)

// New starts a client. It checks all options and returns every fault at once.
// Nothing is dialled and nothing listens. Close it when it is done.
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
	c.bodies.New = func() any { return &room{pool: &c.bodies} }
	c.current.Store(newConfig(c, options)) // wrappers may look at the client that they are given
	if err := c.use(options); err != nil {
		c.Close(context.Background()) //nolint:forbidigo // there is nothing to wait for
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

// resolve applies options to a copy of base: environment and file first, then
// what the code says.
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

// checkFixed returns a fault for each option that differs from old and that a
// running client cannot change.
func (o *Options) checkFixed(old *Options) error {
	var faults []error
	for _, fixed := range []struct {
		name string
		same bool
	}{
		{"Name", o.Name == old.Name}, {"Registry", same(o.Registry, old.Registry)}, {"Broker", same(o.Broker, old.Broker)},
		{"MaxCalls", o.MaxCalls == old.MaxCalls}, {"MaxStreams", o.MaxStreams == old.MaxStreams},
		{"MaxServices", o.MaxServices == old.MaxServices}, {"Logger", o.Logger == old.Logger},
		{"ActorSystem", o.ActorSystem == old.ActorSystem}, {"Seed", o.Seed == old.Seed},
	} {
		if !fixed.same {
			faults = append(faults, fmt.Errorf("option %s cannot be changed any more; make a new client", fixed.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Transports)) {
		if !same(old.Transports[name], o.Transports[name]) { // connections of the old one would be lent for the new
			faults = append(faults, fmt.Errorf("transport %q cannot be added or replaced any more; make a new client", name))
		}
	}
	return errors.Join(faults...)
}

// same compares what the user has brought, which need not be comparable: maps
// and functions are the same if they are one, and a struct with such fields is
// taken for the one that was there.
func same(a, b any) bool {
	of := reflect.TypeOf(a)
	if of != reflect.TypeOf(b) {
		return false
	}
	if of == nil || reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() {
		return a == b
	}
	switch of.Kind() {
	case reflect.Map, reflect.Func, reflect.Slice:
		return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
	default:
		return true
	}
}

// Options implements [Client].
func (c *Caller) Options() Options { return c.current.Load().options.clone() }

// NewMessage implements [Client].
func (c *Caller) NewMessage(topic string, msg any, opts ...MessageOption) Message {
	m := &message{topic: topic, payload: msg, contentType: c.current.Load().options.ContentType}
	for _, o := range opts {
		if o != nil { // no option is none
			o.applyMessage(m)
		}
	}
	return m
}

// NewRequest implements [Client].
func (c *Caller) NewRequest(service, endpoint string, req any, opts ...RequestOption) Request {
	r := &request{service: service, endpoint: endpoint, body: req, contentType: c.current.Load().options.ContentType}
	for _, o := range opts {
		if o != nil { // no option is none
			o.applyRequest(r)
		}
	}
	return r
}

// String implements [Client].
func (c *Caller) String() string { return "mailcall" }

// Close refuses new calls, waits for those in flight until ctx ends, cancels
// what is left, closes every connection and stops every actor. It returns how
// many calls were cut. A nil ctx is one that has ended: nothing is waited for.
// Calling it again returns the same number.
func (c *Caller) Close(ctx context.Context) (cut int) {
	cut = c.runtime.Close(ctx)
	for _, thing := range c.own {
		_ = thing.Close() // it subscribed to nothing, so nothing can fail
	}
	return cut
}

// Runtime returns the actors behind the client, for inspection.
func (c *Caller) Runtime() *actors.Runtime { return c.runtime }
