// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"

	"google.golang.org/grpc"

	"example.com/mailcall/bench/internal/echo"
)

// grpcServer is grpc-go, configured for speed as its documentation recommends:
//
//   - NumStreamWorkers is the number of processors: a call runs on an existing
//     goroutine, whose stack has already grown, if one is free. It is the setting that
//     grpc-go's own benchmarks vary.
//   - SharedWriteBuffer and the buffer sizes (32 KiB for reading and for writing) are
//     the defaults: a connection that is never idle gains nothing from returning its
//     buffer.
//   - There are no interceptors, statistics or tracing, and no channelz beyond what is
//     built in; the window grows with the estimated bandwidth (the default).
type grpcServer struct {
	*serving
	silent   bool
	stopped  chan struct{}
	requests atomic.Int64
}

func startGRPC(ln net.Listener, silent bool) Server {
	g := &grpcServer{silent: silent, stopped: make(chan struct{})}
	options := []grpc.ServerOption{grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0)))}
	if silent {
		options = nil // a worker that blocks is not available for other calls
	}
	s := grpc.NewServer(options...)
	s.RegisterService(g.service(), g)
	g.serving = begin(ln, s.Serve, func() error {
		close(g.stopped)
		s.Stop()
		return nil
	})
	return g
}

// Requests implements [Server].
func (g *grpcServer) Requests() int64 { return g.requests.Load() }

func (g *grpcServer) call(ctx context.Context, m *echo.Message) (*echo.Message, error) {
	if !g.silent {
		return echo.Answer(m), nil
	}
	g.requests.Add(1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-g.stopped:
		return nil, errors.New("the server ends")
	}
}

func (g *grpcServer) pingPong(s grpc.ServerStream) error {
	return echo.PingPong(func(m *echo.Message) error { return s.RecvMsg(m) },
		func(m *echo.Message) error { return s.SendMsg(m) })
}

func (g *grpcServer) count(s grpc.ServerStream) error {
	n, err := echo.Count(func(m *echo.Message) error { return s.RecvMsg(m) })
	if err != nil {
		return err
	}
	return s.SendMsg(n)
}

// service is what protoc-gen-go-grpc generates for echo.proto.
func (g *grpcServer) service() *grpc.ServiceDesc {
	call := func(_ any, ctx context.Context, decode func(any) error, wrap grpc.UnaryServerInterceptor) (any, error) {
		m := new(echo.Message)
		if err := decode(m); err != nil {
			return nil, err
		}
		if wrap == nil {
			return g.call(ctx, m)
		}
		return nil, errors.New("no interceptor is expected")
	}
	return &grpc.ServiceDesc{
		ServiceName: echo.Service,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Call", Handler: call}},
		Streams: []grpc.StreamDesc{
			{
				StreamName: "PingPong", ServerStreams: true, ClientStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error { return g.pingPong(s) },
			},
			{
				StreamName: "Count", ClientStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error { return g.count(s) },
			},
		},
		Metadata: "echo.proto",
	}
}
