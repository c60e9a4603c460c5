// SPDX-License-Identifier: Apache-2.0

// Package actors is the runtime of a client: it spawns, configures and stops the
// client's actors.
//
//	root                      spawns, configures and stops selectors and keepers
//	├── selector-<service>    nodes of one service: health, load, choice
//	└── keeper-<address>      connections to one address
//	retrier                   whether another attempt may start
//	call-<n>                  a call's supervisor, recycled
//	└── attempt-<0|1>         its attempts
//	stream-<n>                one open stream
//	publisher                 the connection to the broker
//
// A turn never blocks: what may block (dialling, closing, lookups) runs on
// goroutines that the [Runtime] owns and Close waits for.
package actors

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/retrier"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry/cache"

	"github.com/asynkron/protoactor-go/actor"
)

// Runtime is the set of actors behind a client. It is safe for concurrent use.
type Runtime struct {
	Config
	// Desk makes the calls.
	Desk *caller.Desk
	// Streams opens streams.
	Streams *streamer.Desk

	settings    atomic.Pointer[messages.Configure] // in force
	cache       *cache.Registry
	dice        *dice.Source
	root        messages.Ref[messages.RootMessage]
	retrier     messages.Ref[messages.RetrierMessage]
	publisher   messages.Ref[messages.PublisherMessage] // nil without a broker
	brokerState atomic.Pointer[messages.BrokerState]    // published by the publisher
	directory   messages.Directory
	pools       atomic.Pointer[[]*messages.Pool]
	poolsMu     sync.Mutex // held while pools is replaced
	gauges      gauges
	own         bool            // the runtime has made the actor system
	work        sync.WaitGroup  // goroutines outside of turns
	ctx         context.Context //nolint:containedctx // done when the runtime is closed, which ends its goroutines
	end         context.CancelFunc
	close       sync.Once
	cut         int
}

// New starts the actors. It fails if a client of the same name lives in the actor
// system.
func New(c Config) (*Runtime, error) {
	r := &Runtime{Config: c, dice: dice.NewSource(c.Seed)}
	if r.Clock == nil {
		r.Clock = clock.Real()
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.System == nil {
		r.own = true
		r.System = newSystem(r.Logger)
	}
	r.pools.Store(new([]*messages.Pool))
	r.settings.Store(&messages.Configure{Limits: c.Limits, Policy: c.Policy, Budget: c.Budget})
	if err := r.openCache(); err != nil {
		return nil, err
	}
	r.ctx, r.end = context.WithCancel(context.Background()) //nolint:forbidigo // it lasts as long as the runtime

	pid, err := r.spawn(retrier.New(retrier.Config{Budget: c.Budget, Clock: r.Clock, Dice: r.dice.Dice()}), "retrier")
	if err != nil {
		return nil, err
	}
	r.retrier = messages.NewRef[messages.RetrierMessage](r.System, pid)
	a := &root{rt: r, pools: make(map[poolKey]*poolEntry), limits: c.Limits, policy: c.Policy}
	if pid, err = r.spawn(a, "root"); err != nil {
		r.System.Root.Stop(r.retrier.PID())
		return nil, err
	}
	r.root = messages.NewRef[messages.RootMessage](r.System, pid)

	if err := r.openBroker(); err != nil {
		r.System.Root.Stop(r.retrier.PID())
		r.System.Root.Stop(r.root.PID())
		return nil, err
	}
	desk := caller.Config{
		System: r.System, Name: c.Name, Clock: r.Clock, Dice: r.dice,
		Root: r.root, Retrier: r.retrier, Directory: &r.directory,
		MaxCalls: c.MaxCalls, Go: r.Go,
	}
	streams := streamer.Config{System: r.System, Spawn: r.spawn, Clock: r.Clock, MaxStreams: c.MaxStreams, Go: r.Go}
	if s := c.Simulation; s != nil {
		desk.Schedule, desk.Park, streams.AfterFunc = s.Schedule, s.Park, s.AfterFunc
	}
	r.Desk = caller.NewDesk(desk)
	r.Streams = streamer.NewDesk(streams)
	return r, nil
}

func (r *Runtime) spawn(a actor.Actor, kind string) (*actor.PID, error) {
	name := r.Name + "/" + kind
	pid, err := r.System.Root.SpawnNamed(r.props(a, name), name)
	if err != nil {
		return nil, fmt.Errorf("actor system: a client named %q lives here already, give this one another name (WithName): %w", r.Name, err)
	}
	return pid, nil
}

// props configures how an actor runs. One that panics loses the message that it
// was handling and goes on, see watched.
func (r *Runtime) props(a actor.Actor, id string) *actor.Props {
	g := r.gauges.add(id, r.Clock)
	options := []actor.PropsOption{
		actor.WithMailbox(actor.Unbounded(g)),
	}
	if s := r.Simulation; s != nil {
		options = append(options, actor.WithDispatcher(s.Dispatcher))
		if s.Panicked != nil {
			g.panicked = func(p any) { s.Panicked(id, p) }
		}
		if s.Mailbox != nil {
			options = append(options, actor.WithMailbox(s.Mailbox(id, g)))
		}
	}
	return actor.PropsFromProducer(func() actor.Actor { return g.watch(a) }, options...)
}

// Configure sends all actors new limits, policy and budget, and does not wait for
// them. Calls in flight are not affected.
func (r *Runtime) Configure(l messages.PoolLimits, p messages.SelectorPolicy, b messages.Budget) {
	m := messages.Configure{Limits: l, Policy: p, Budget: b}
	r.settings.Store(&m)
	r.root.Tell(m)
}

// Go runs work that may block, on a goroutine that Close waits for.
func (r *Runtime) Go(work func()) {
	if r.Simulation != nil {
		r.Simulation.Go(work)
		return
	}
	r.work.Go(work)
}

func (r *Runtime) rememberPool(p *messages.Pool) {
	r.poolsMu.Lock()
	defer r.poolsMu.Unlock()
	longer := append(slices.Clone(*r.pools.Load()), p)
	r.pools.Store(&longer)
}

func (r *Runtime) forgetPool(p *messages.Pool) {
	r.poolsMu.Lock()
	defer r.poolsMu.Unlock()
	shorter := slices.DeleteFunc(slices.Clone(*r.pools.Load()), func(q *messages.Pool) bool { return q == p })
	r.pools.Store(&shorter)
}

// Services returns the services that have been called, by key. The map must not
// be modified.
func (r *Runtime) Services() map[string]*messages.Service { return r.directory.All() }

// Pools returns the pools that exist now. The slice must not be modified.
func (r *Runtime) Pools() []*messages.Pool { return *r.pools.Load() }
