// SPDX-License-Identifier: Apache-2.0

// Package server has the servers that the contenders call. They run in a
// process of their own, so that their work is not counted as the client's.
package server

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
)

// The kinds of server of the HTTP scenarios.
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

// The kinds of server that serve package echo, each over its own protocol.
// All of them decode the request, run a handler and encode its answer but the
// raw ones, which echo bytes.
const (
	// FastHTTP and NetHTTP take a POST with a protobuf body.
	FastHTTP = "fasthttp"
	NetHTTP  = "nethttp"
	// NetRPC is net/rpc with its gob codec.
	NetRPC = "netrpc"
	// DRPC is storj.io/drpc.
	DRPC = "drpc"
	// Connect is connectrpc.com/connect over cleartext HTTP/2.
	Connect = "connect"
	// GRPC is grpc-go; GRPCSilent counts requests and never answers.
	GRPC       = "grpc"
	GRPCSilent = "grpc-silent"
	// RawMux is the bare echo of package rawmux; RawMuxGo answers each request
	// on a goroutine of its own.
	RawMux   = "raw-mux"
	RawMuxGo = "raw-mux-go"
	// TCP is mailcall's own wire with handlers that run inline, TCPGo with a
	// goroutine for each call; TCPSilent counts requests and never answers.
	TCP       = "tcp"
	TCPGo     = "tcp-go"
	TCPSilent = "tcp-silent"
)

// Server is a server that listens. All methods may be called from any
// goroutine.
type Server interface {
	// Address is the "host:port" to call.
	Address() string
	// Requests is how many whole requests a silent server has read; the other
	// kinds do not count and return 0.
	Requests() int64
	// Close stops the server, closes its connections and waits for them.
	Close() error
}

// starter starts a server on a listener, which is the server's from then on.
type starter func(ln net.Listener) (Server, error)

func starters() map[string]starter {
	return map[string]starter{
		Minimal:    func(ln net.Listener) (Server, error) { return startEcho(ln, false), nil },
		Silent:     func(ln net.Listener) (Server, error) { return startEcho(ln, true), nil },
		FastHTTP:   startFastHTTP,
		NetHTTP:    startNetHTTP,
		NetRPC:     startNetRPC,
		DRPC:       startDRPC,
		Connect:    startConnect,
		GRPC:       func(ln net.Listener) (Server, error) { return startGRPC(ln, false), nil },
		GRPCSilent: func(ln net.Listener) (Server, error) { return startGRPC(ln, true), nil },
		RawMux:     func(ln net.Listener) (Server, error) { return startRawMux(ln, false), nil },
		RawMuxGo:   func(ln net.Listener) (Server, error) { return startRawMux(ln, true), nil },
		TCP:        func(ln net.Listener) (Server, error) { return startTCP(ln, true, false) },
		TCPGo:      func(ln net.Listener) (Server, error) { return startTCP(ln, false, false) },
		TCPSilent:  func(ln net.Listener) (Server, error) { return startTCP(ln, false, true) },
	}
}

// Start starts a server of that kind on a free port of the loopback interface.
func Start(kind string) (Server, error) {
	if kind == Greeter {
		return startGreeter()
	}
	start, ok := starters()[kind]
	if !ok {
		known := []string{Greeter}
		for name := range starters() {
			known = append(known, name)
		}
		sort.Strings(known)
		return nil, fmt.Errorf("server kind %q is unknown; use one of %s", kind, strings.Join(known, ", "))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s, err := start(ln)
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return s, nil
}

// serving is a server of somebody else's making.
type serving struct {
	ln   net.Listener
	stop func() error  // makes serve return
	done chan struct{} // closed when serve has returned
}

// begin runs serve, which returns when stop was called.
func begin(ln net.Listener, serve func(net.Listener) error, stop func() error) *serving {
	s := &serving{ln: ln, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = serve(ln) // it tells that it was stopped
	}()
	return s
}

// Address implements [Server].
func (s *serving) Address() string { return s.ln.Addr().String() }

// Requests implements [Server].
func (s *serving) Requests() int64 { return 0 }

// Close implements [Server].
func (s *serving) Close() error {
	err := s.stop()
	<-s.done
	return err
}

// withContext makes a server that ends with its context stoppable.
func withContext(ln net.Listener, serve func(context.Context, net.Listener) error) *serving {
	ctx, cancel := context.WithCancel(context.Background())
	return begin(ln,
		func(ln net.Listener) error { return serve(ctx, ln) },
		func() error { cancel(); return nil })
}
