// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"sync"

	"connectrpc.com/connect"
	"storj.io/drpc"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"example.com/mailcall/bench/internal/echo"
	"example.com/mailcall/bench/internal/rawmux"
)

type rawServer struct{ *rawmux.Server }

// Requests implements [Server].
func (rawServer) Requests() int64 { return 0 }

func startRawMux(ln net.Listener, spawn bool) Server { return rawServer{rawmux.Serve(ln, spawn)} }

// handlers has the unary handlers.
type handlers struct{}

// Call has the signature that net/rpc requires.
func (handlers) Call(request, reply *echo.Message) error {
	reply.Number, reply.Data = request.GetNumber(), request.GetData()
	return nil
}

// startNetRPC uses the defaults, as there are no settings: one gob stream per
// connection, a goroutine per call.
func startNetRPC(ln net.Listener) (Server, error) {
	s := rpc.NewServer()
	if err := s.RegisterName("Echo", handlers{}); err != nil {
		return nil, err
	}
	c := &connections{open: make(map[net.Conn]struct{})}
	return begin(ln, func(ln net.Listener) error { return c.accept(ln, s.ServeConn) }, func() error {
		return errors.Join(ln.Close(), c.close())
	}), nil
}

// connections tracks the connections of a server that does not close them itself.
type connections struct {
	wg   sync.WaitGroup
	mu   sync.Mutex // guards open, which is nil after close
	open map[net.Conn]struct{}
}

func (c *connections) accept(ln net.Listener, serve func(io.ReadWriteCloser)) error {
	defer c.wg.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		c.mu.Lock()
		if c.open == nil {
			c.mu.Unlock()
			return conn.Close()
		}
		c.open[conn] = struct{}{}
		c.mu.Unlock()
		c.wg.Go(func() {
			serve(conn)
			c.mu.Lock()
			delete(c.open, conn)
			c.mu.Unlock()
		})
	}
}

func (c *connections) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close() // its goroutine gets the read error
	}
	c.open = nil
	return nil
}

// startDRPC keeps drpc's buffer sizes: a reply of up to 4 KiB is one write, a longer
// one is written directly.
func startDRPC(ln net.Listener) (Server, error) {
	mux := drpcmux.New()
	if err := mux.Register(drpcHandler{}, drpcDescription{}); err != nil {
		return nil, err
	}
	return withContext(ln, drpcserver.New(mux).Serve), nil
}

type drpcHandler struct{}

func (drpcHandler) call(_ context.Context, m *echo.Message) (*echo.Message, error) {
	return echo.Answer(m), nil
}

// drpcDescription is what protoc-gen-go-drpc generates for echo.proto's unary method.
type drpcDescription struct{}

// NumMethods implements drpc.Description.
func (drpcDescription) NumMethods() int { return 1 }

// Method implements drpc.Description.
func (drpcDescription) Method(int) (name string, e drpc.Encoding, r drpc.Receiver, method any, ok bool) {
	r = func(_ any, ctx context.Context, in, _ any) (drpc.Message, error) {
		m, ok := in.(*echo.Message)
		if !ok {
			return nil, fmt.Errorf("%T is not an echo message", in)
		}
		return drpcHandler{}.call(ctx, m)
	}
	return echo.CallMethod, echo.Encoding{}, r, drpcHandler.call, true
}

// startConnect serves cleartext HTTP/2 with net/http, as connect-go's guide recommends,
// without compression, which handlers use by default if the client accepts it. It
// allows more streams per connection than net/http's 250.
func startConnect(ln net.Listener) (Server, error) {
	handler := connect.NewUnaryHandler(echo.CallMethod,
		func(_ context.Context, r *connect.Request[echo.Message]) (*connect.Response[echo.Message], error) {
			return connect.NewResponse(echo.Answer(r.Msg)), nil
		}, connect.WithCompression("gzip", nil, nil))
	mux := http.NewServeMux()
	mux.Handle(echo.CallMethod, handler)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler: mux, Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 2048},
	}
	return begin(ln, s.Serve, s.Close), nil
}
