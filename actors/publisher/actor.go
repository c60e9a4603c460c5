// SPDX-License-Identifier: Apache-2.0

// Package publisher is the actor that owns the connection to a broker.
//
// A publish is a call: its node is the broker, and its exchange hands the message
// over. So it has the deadline, the proofs, the retry budget and the errors of a
// call, and the inspector shows it as one. This package makes a transport of a
// broker, and connects the broker once, when it is first needed.
package publisher

import (
	"fmt"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

// maxWaiting bounds how many Connects wait for the broker. Only dials send them,
// and there is one dial at a time.
const maxWaiting = 1024

// Config configures a publisher.
type Config struct {
	// Name of the broker.
	Name string
	// Connect connects the broker outside of any turn and calls done once. It is
	// nil if the broker needs no connection.
	Connect func(done func(error))
	// Clock is the source of time.
	Clock clock.Clock
	// Seen is where the publisher publishes its state.
	Seen *atomic.Pointer[messages.BrokerState]
}

// New returns the publisher as an actor.
func New(c Config) actor.Actor {
	p := &publisher{Config: c, connected: c.Connect == nil}
	p.publish()
	return p
}

type publisher struct {
	Config
	self       messages.Ref[messages.PublisherMessage]
	connected  bool
	connecting bool
	waiting    []messages.Connect
	fault      *messages.Fault // of the last attempt to connect
}

// Receive implements actor.Actor.
func (p *publisher) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self = messages.NewRef[messages.PublisherMessage](ctx.ActorSystem(), ctx.Self())
	case *actor.Stopping, *actor.Stopped:
	case messages.PublisherMessage:
		p.handle(ctx, m)
	default:
		ctx.Logger().Warn("publisher: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (p *publisher) handle(ctx actor.Context, m messages.PublisherMessage) {
	switch m := m.(type) {
	case messages.Connect:
		p.connect(m)
	case messages.Connected:
		p.connecting, p.connected, p.fault = false, m.Err == nil, nil
		if m.Err != nil {
			p.fault = &messages.Fault{Err: m.Err, At: p.Clock.Now()}
		}
		p.answer(m.Err)
	case messages.Hangup:
		p.answer(rpcerr.ErrClosed)
		ctx.Stop(ctx.Self())
	}
	p.publish()
}

func (p *publisher) publish() {
	p.Seen.Store(&messages.BrokerState{Name: p.Name, Connected: p.connected, Connecting: p.connecting, Waiting: len(p.waiting), Fault: p.fault})
}

func (p *publisher) connect(m messages.Connect) {
	switch {
	case p.connected:
		m.Done(nil)
		return
	case len(p.waiting) >= maxWaiting:
		m.Done(fmt.Errorf("%w: %d wait for the broker already", rpcerr.ErrOverloaded, maxWaiting))
		return
	}
	p.waiting = append(p.waiting, m)
	if !p.connecting {
		p.connecting = true
		p.Connect(func(err error) { p.self.Tell(messages.Connected{Err: err}) })
	}
}

func (p *publisher) answer(err error) {
	for _, w := range p.waiting {
		w.Done(err)
	}
	p.waiting = nil
}
