// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"context"
	"log/slog"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
)

// Config configures a runtime.
type Config struct {
	// System is the actor system to use; nil makes one for this runtime.
	System *System
	// Name is the prefix of all addresses. It must be unique in the system.
	Name string
	// Logger gets the warnings and errors of the actors; nil discards them.
	Logger *slog.Logger
	// Clock is the source of time; nil is the machine's clock.
	Clock clock.Clock
	// Seed is the seed of all random numbers.
	Seed uint64
	// Registry finds the nodes of services; nil finds none.
	Registry registry.Registry
	// Transports by name.
	Transports map[string]transport.Transport
	// Broker is where messages are published; nil for none. Closing the runtime
	// does not close it.
	Broker broker.Broker
	// Limits, Policy and Budget can be replaced with [Runtime.Configure].
	Limits messages.PoolLimits
	Policy messages.SelectorPolicy
	Budget messages.Budget
	// MaxCalls is how many calls may be in flight at once.
	MaxCalls int
	// MaxStreams is how many streams may be open at once.
	MaxStreams int
	// MaxServices is how many services and address lists are kept at once;
	// beyond that, idle ones are forgotten.
	MaxServices int
	// Simulation, if not nil, replaces goroutines, sockets and timers.
	Simulation *Simulation
}

// Simulation is what a simulator uses instead of goroutines and sockets.
type Simulation struct {
	// Dispatcher runs the turns of all actors.
	Dispatcher actor.Dispatcher
	// Mailbox makes the mailbox of the actor id, which must report each message
	// to watch. Nil is protoactor's mailbox, which runs all pending messages at
	// once.
	Mailbox func(id string, watch actor.MailboxMiddleware) actor.MailboxProducer
	// Panicked is called for each turn that panics. It may be nil.
	Panicked func(id string, p any)
	// Schedule runs the turns of a call.
	Schedule func(turns func())
	// Go runs work right away, until it blocks in something that the simulator
	// has made.
	Go func(work func())
	// Park replaces the wait for a call, see caller.Config.
	Park func(wake, done <-chan struct{}) (ended bool)
	// AfterFunc replaces context.AfterFunc.
	AfterFunc func(ctx context.Context, f func()) (stop func() bool)
	// Dial begins a dial; done is called once.
	Dial func(address string, timeout time.Duration, done func(transport.Conn, error)) (cancel func())
	// Lookup begins a lookup; done is called once.
	Lookup func(service string, done func([]*registry.Service, error))
	// Watch begins a watch; changed is called for each new list, ended once if
	// the watch fails. Nil is a watch that never reports anything.
	Watch func(service string, changed func([]*registry.Service), ended func(error)) (stop func())
}
