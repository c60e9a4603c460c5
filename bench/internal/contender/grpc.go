// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/echo"
)

// grpcClient is grpc-go as its documentation recommends: one multiplexing ClientConn
// for all callers; read and write buffers of 32 KiB (the default), a window that grows
// with the estimated bandwidth. Costly features that are not needed are off: the proxy
// lookup, service configurations from the resolver, and with them retries.
type grpcClient struct {
	conn    *grpc.ClientConn
	timeout time.Duration // of a call without a deadline; 0 is none
}

func newGRPC(c Config) (Contender, error) { return makeGRPC(c, 0) }

// newGRPCDeadline gives every call a deadline, as mailcall does: a context with a
// deadline, which is sent as grpc-timeout.
func newGRPCDeadline(c Config) (Contender, error) { return makeGRPC(c, c.CallTimeout) }

func makeGRPC(c Config, timeout time.Duration) (Contender, error) {
	conn, err := grpc.NewClient("passthrough:///"+c.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	return &grpcClient{conn, timeout}, nil
}

// Caller implements [Contender].
func (g *grpcClient) Caller(int) (Caller, error) { return g, nil }

// Close implements [Contender].
func (g *grpcClient) Close() error { return g.conn.Close() }

// Call implements [Caller].
func (g *grpcClient) Call(ctx context.Context, req, rsp proto.Message) error {
	if _, bounded := ctx.Deadline(); !bounded && g.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.timeout)
		defer cancel()
	}
	return g.conn.Invoke(ctx, echo.CallMethod, req, rsp)
}

// Open implements [Streaming].
func (g *grpcClient) Open(ctx context.Context, mode Mode) (Stream, error) {
	desc, method := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, echo.PingPongMethod
	if mode == OneWay {
		desc, method = &grpc.StreamDesc{ClientStreams: true}, echo.CountMethod
	}
	s, err := g.conn.NewStream(ctx, desc, method)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return grpcStream{s}, nil
}

type grpcStream struct{ grpc.ClientStream }

// Send implements [Stream].
func (s grpcStream) Send(m *echo.Message) error { return s.SendMsg(m) }

// Recv implements [Stream].
func (s grpcStream) Recv(m *echo.Message) error { return s.RecvMsg(m) }
