// SPDX-License-Identifier: Apache-2.0

// Package server has the servers that the contenders call. They run in a
// process of their own, so that their work is not counted as the client's.
package server

import (
	"fmt"
	"net"
)

// The kinds of server.
const (
	// Minimal echoes the body and does nothing else: one read and one write a
	// request. It leaves as much as possible of the machine to the client.
	Minimal = "minimal"
	// Greeter is the responder of package mailcalltest: it decodes, runs a
	// handler and encodes, and answers as a go-micro server does.
	Greeter = "greeter"
	// Silent reads requests and never answers.
	Silent = "silent"
)

// Server is a server that listens. All methods may be called from any
// goroutine.
type Server interface {
	// Address is the "host:port" to call.
	Address() string
	// Requests is how many whole requests a [Silent] server has read; the
	// other kinds do not count and return 0.
	Requests() int64
	// Close stops the server, closes its connections and waits for them.
	Close() error
}

// Start starts a server of that kind on a free port of the loopback interface.
func Start(kind string) (Server, error) {
	if kind != Minimal && kind != Greeter && kind != Silent {
		return nil, fmt.Errorf("server kind %q is unknown; use %s, %s or %s", kind, Minimal, Greeter, Silent)
	}
	if kind == Greeter {
		return startGreeter()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return startEcho(ln, kind == Silent), nil
}
