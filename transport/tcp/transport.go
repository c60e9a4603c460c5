// SPDX-License-Identifier: Apache-2.0

// Package tcp sends messages over stream sockets: TCP or unix sockets, with or without
// TLS. It supports two protocols.
//
// Mailcall's own protocol, described in docs/protocol.md, multiplexes many exchanges and
// streams on one connection, with flow control, cancellation, deadlines and refusals
// that prove that nothing was executed. It is made for speed: what callers send at the
// same time is written with one system call, and replies are not copied.
//
// The other one is the gob stream of go-micro's tcp transport, for existing services. A
// client detects which protocol a server uses; a listener serves both.
package tcp

import (
	"sync"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

// Transport opens and accepts connections. Make it with [New]. It is safe for concurrent
// use, has no goroutine, and need not be closed; connections and listeners have
// goroutines until they are closed.
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

// New returns a transport. The error is that of all options whose values are out of
// range, joined. Nil options are ignored.
func New(opts ...Option) (*Transport, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return &Transport{config: c, clock: clock.Real(), known: map[string]knowledge{}}, nil
}

// String returns "tcp", the name in a node's "transport" metadata.
func (*Transport) String() string { return "tcp" }

// Multiplexed implements [transport.Multiplexer]. It reports whether the transport uses
// mailcall's own protocol, that is, not only gob.
func (t *Transport) Multiplexed() bool { return t.config.wire != Gob }
