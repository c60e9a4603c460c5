// SPDX-License-Identifier: Apache-2.0

// Package tcp carries messages over stream sockets: TCP, unix sockets, with or
// without TLS. It speaks two wires.
//
// Its own one, described in docs/protocol.md, carries many exchanges and
// streams on one connection, with flow control, cancellation, deadlines and
// refusals that prove that nothing was executed. It is made for speed: what
// callers send at the same time goes out with one system call, and replies
// are read where they lie.
//
// The other is the gob stream of go-micro's tcp transport, for services that
// speak that. A client finds out which one a server speaks; a listener serves
// both.
package tcp

import (
	"sync"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

// Transport opens and accepts connections. It is immutable and used by many
// goroutines at once; make one with [New]. It owns no goroutine and needs no
// closing.
type Transport struct {
	config config
	clock  clock.Clock
	shelf  shelf
	dialer endpoint.Dialer

	mu    sync.Mutex // guards known
	known map[string]knowledge
}

var (
	_ transport.Transport   = (*Transport)(nil)
	_ transport.Multiplexer = (*Transport)(nil)
)

// New returns a transport. It fails with the joined errors of all options that
// are out of range.
func New(opts ...Option) (*Transport, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return &Transport{config: c, clock: clock.Real(), known: map[string]knowledge{}}, nil
}

// String returns "tcp", the name in a node's "transport" metadata.
func (*Transport) String() string { return "tcp" }

// Multiplexed implements [transport.Multiplexer]. It reports true unless the
// transport speaks gob alone.
func (t *Transport) Multiplexed() bool { return t.config.wire != Gob }
