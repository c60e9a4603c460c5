// SPDX-License-Identifier: Apache-2.0

// Package server has the servers that the contenders call. Each is a process of its
// own, so that its work is not counted as the client's.
package server

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
)

// Kinds of servers of the HTTP scenarios.
const (
	// Minimal only echoes the body, with one read and one write per request. It leaves
	// as much of the machine as possible to the client.
	Minimal = "minimal"
	// Greeter is the responder of package mailcalltest: it decodes, runs a
	// handler and encodes, and answers as a go-micro server does.
	Greeter = "greeter"
	// Silent reads requests and never answers.
	Silent = "silent"
)

// Kinds of servers of package echo, each with its own protocol. All of them decode the
// request, run a handler and encode the answer, except the raw ones, which echo bytes.
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
	// RawMux is the bare echo of package rawmux; RawMuxGo answers each request on its
	// own goroutine.
	RawMux   = "raw-mux"
	RawMuxGo = "raw-mux-go"
	// TCP is mailcall's own protocol with handlers that run inline, TCPGo with a
	// goroutine per call; TCPSilent counts requests and never answers.
	TCP       = "tcp"
	TCPGo     = "tcp-go"
	TCPSilent = "tcp-silent"
)

// Server is a running server. It is safe for concurrent use.
type Server interface {
	// Address is the "host:port" to call.
	Address() string
	// Requests returns how many complete requests a silent server has read; other kinds
	// return 0.
	Requests() int64
	// Close stops the server, closes its connections and waits for them.
	Close() error
}

// starter starts a server on a listener, and takes over the listener.
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

// Start starts a server of the kind on a free port of the loopback interface.
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

// serving wraps a server of another package.
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
		_ = serve(ln) // the error says only that it was stopped
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

// withContext converts a server that ends with its context to one that can be stopped.
func withContext(ln net.Listener, serve func(context.Context, net.Listener) error) *serving {
	ctx, cancel := context.WithCancel(context.Background())
	return begin(ln,
		func(ln net.Listener) error { return serve(ctx, ln) },
		func() error { cancel(); return nil })
}
