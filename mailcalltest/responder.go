// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"context"
	"maps"
	"sync"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// Listening is a transport that can listen, such as the http and the memory
// transport.
type Listening interface {
	// Listen starts to accept connections at address.
	Listen(address string) (transport.Listener, error)
}

// Responder answers calls as a go-micro v6 server does. Make it with [New] or
// [NewGreeter] and start it with [Responder.Listen] or [Responder.Serve]; it must
// be closed. It is safe for concurrent use.
type Responder struct {
	name     string
	handlers map[string]Handler // fixed after New, like codecs and topics
	codecs   map[string]codec.Codec
	topics   map[string]func(context.Context, Event) error
	clock    clock.Clock
	done     chan struct{} // closed by Close
	work     sync.WaitGroup
	faults   faults

	mu       sync.Mutex // guards the fields below
	on       Listening
	serving  *serving
	address  string
	sessions map[*session]struct{}
	counts   map[string]*EndpointStats
	totals   Stats
	closed   bool
}

// New returns a responder. The name is the first part of the ids of the errors that
// it injects. Without [WithHandlers] it answers every call with "can't find
// service".
func New(name string, opts ...Option) *Responder {
	r := &Responder{
		name:     name,
		handlers: map[string]Handler{},
		codecs:   maps.Clone(builtin.Codecs()),
		topics:   map[string]func(context.Context, Event) error{},
		clock:    clock.Real(),
		done:     make(chan struct{}),
		sessions: map[*session]struct{}{},
		counts:   map[string]*EndpointStats{},
	}
	r.faults.dice = diceFrom(defaultSeed)
	for _, opt := range opts {
		if opt != nil { // nil options are ignored
			opt(r)
		}
	}
	return r
}

// Name returns the name given to [New].
func (r *Responder) Name() string { return r.name }

// Address returns the address to dial, "" before the first Listen or Serve. Kill,
// Restart and Close do not change it.
func (r *Responder) Address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address
}
