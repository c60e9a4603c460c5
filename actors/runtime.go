// SPDX-License-Identifier: Apache-2.0

// Package actors is the runtime: it owns the actors of a client, spawns them
// and stops them.
//
//	root                      spawns, configures and stops the rest
//	├── selector-<service>    nodes of one service: health, load, choice
//	├── keeper-<address>      connections to one address
//	retrier                   whether another attempt may start
//	call-<n>                  a call's supervisor, recycled
//	└── attempt-<0|1>         its attempts
//	stream-<n>                one open stream
//	publisher                 the way to the broker
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
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/retrier"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
)

// stopGrace is how long Close waits for actors and goroutines after the last
// call. They stop at once unless code of the user holds them.
const stopGrace = 2 * time.Second

// Config is what a runtime is made of.
type Config struct {
	// System is the actor system to live in; nil makes one of its own.
	System *System
	// Name is the prefix of all addresses. It must be unique in the system.
	Name string
	// Logger gets what the actors have to say; nil discards it.
	Logger *slog.Logger
	// Clock tells the time; nil is the machine's.
	Clock clock.Clock
	// Seed is where all chance grows from.
	Seed uint64
	// Registry knows where services live; nil knows none.
	Registry registry.Registry
	// Transports by name.
	Transports map[string]transport.Transport
	// Broker is where messages are published; nil for none. It belongs to
	// whoever made it.
	Broker broker.Broker
	// Limits, Policy and Budget are what [Runtime.Configure] replaces.
	Limits messages.PoolLimits
	Policy messages.SelectorPolicy
	Budget messages.Budget
	// MaxCalls is how many calls may be in flight at once.
	MaxCalls int
	// MaxStreams is how many streams may be open at once.
	MaxStreams int
	// MaxServices is how many services and address lists are known at once;
	// those that nobody uses are forgotten beyond that.
	MaxServices int
	// Simulation, if not nil, replaces everything that runs by itself.
	Simulation *Simulation
}

// Simulation is what a simulator puts in place of goroutines and sockets.
type Simulation struct {
	// Dispatcher runs the turns of all actors.
	Dispatcher actor.Dispatcher
	// Mailbox makes the mailbox of the actor id, which must tell watch of each
	// message. Nil gives protoactor's, which takes all its mail in one turn.
	Mailbox func(id string, watch actor.MailboxMiddleware) actor.MailboxProducer
	// Panicked is told of each turn that panicked. May be nil.
	Panicked func(id string, p any)
	// Schedule runs the turns of a call.
	Schedule func(turns func())
	// Go runs work that may block in what the simulator has made, at once until
	// it does.
	Go func(work func())
	// Park waits in place of whoever waits for a call, see caller.Config.
	Park func(wake, done <-chan struct{}) (ended bool)
	// AfterFunc is in place of context.AfterFunc.
	AfterFunc func(ctx context.Context, f func()) (stop func() bool)
	// Dial begins a dial; done is called once.
	Dial func(address string, timeout time.Duration, done func(transport.Conn, error)) (cancel func())
	// Lookup begins a lookup; done is called once.
	Lookup func(service string, done func([]*registry.Service, error))
	// Watch begins a watch; changed is called for each new list, ended once if
	// it breaks. Nil never tells anything.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
}

// Runtime is the set of actors behind a client. It is used by many goroutines
// at once.
type Runtime struct {
	Config
	// Desk makes the calls.
	Desk *caller.Desk
	// Streams opens streams.
	Streams *streamer.Desk

	settings  atomic.Pointer[messages.Configure] // in force
	cache     *cache.Registry
	dice      *dice.Source
	root      messages.Ref[messages.RootMessage]
	retrier   messages.Ref[messages.RetrierMessage]
	publisher messages.Ref[messages.PublisherMessage] // nil without a broker
	post      atomic.Pointer[messages.Post]           // published by the publisher
	directory messages.Directory
	pools     atomic.Pointer[[]*messages.Pool]
	poolsMu   sync.Mutex // orders writers of pools: the root, and nobody else at a time
	gauges    gauges
	own       bool            // the actor system is ours
	work      sync.WaitGroup  // goroutines outside of turns
	ctx       context.Context //nolint:containedctx // ends with the runtime, and with it what is asked outside
	end       context.CancelFunc
	close     sync.Once
	cut       int
}

// New starts the actors.
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

// props says how an actor runs. One that panics loses the message that broke it
// and goes on, see watched.
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

// Configure gives all actors new limits, policy and budget. Calls in flight
// are not touched, and nobody waits.
func (r *Runtime) Configure(l messages.PoolLimits, p messages.SelectorPolicy, b messages.Budget) {
	m := messages.Configure{Limits: l, Policy: p, Budget: b}
	r.settings.Store(&m)
	r.root.Tell(m)
}

// Go runs work that may block on a goroutine that Close waits for.
func (r *Runtime) Go(work func()) {
	if r.Simulation != nil {
		r.Simulation.Go(work)
		return
	}
	r.work.Go(work)
}

// Close refuses new calls, waits for those in flight until ctx ends, then
// cancels them; then it closes every connection and stops every actor. It
// returns how many calls were cut. A nil ctx is one that has ended. Calling it
// again returns the same.
func (r *Runtime) Close(ctx context.Context) (cut int) {
	if ctx == nil {
		over, cancel := context.WithCancel(r.ctx)
		cancel()
		ctx = over //nolint:contextcheck // there is none to inherit from
	}
	r.close.Do(func() {
		r.Desk.Refuse() // the wait for streams may be long
		r.cut = r.Streams.Close(ctx) + r.Desk.Close(ctx)
		r.end()
		if r.cache != r.Registry { // the user's own lives on
			_ = r.cache.Close() // it returns nil
		}
		done := make(chan struct{})
		r.root.Tell(messages.Shutdown{Done: done})
		stopped := make(chan struct{})
		go func() {
			<-done
			r.work.Wait()
			close(stopped)
		}()
		grace := make(chan struct{})
		timer := r.Clock.Timer(func() { close(grace) })
		timer.Reset(r.Clock.Now().Add(stopGrace))
		select {
		case <-stopped:
		case <-grace:
			r.Logger.Warn("mailcall: something of the user's still runs after Close", "client", r.Name)
		}
		timer.Stop()
		r.Desk.Vacate()
		if r.Broker != nil {
			_ = r.System.Root.StopFuture(r.publisher.PID()).Wait()
		}
		_ = r.System.Root.StopFuture(r.retrier.PID()).Wait() // it always stops; a time-out changes nothing
		if r.own {
			r.System.Shutdown()
		}
	})
	return r.cut
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
