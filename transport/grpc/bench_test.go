// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/transport"
)

// bare is a service that returns the payload of the request.
type bare struct {
	testpb.UnimplementedTestServiceServer
}

func (bare) UnaryCall(_ context.Context, r *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{Payload: r.GetPayload()}, nil
}

// BenchmarkExchange compares an exchange with the same call of gRPC's library alone,
// with the server in the same process. "deadline" has a deadline and go-micro's header
// fields, as mailcall's calls have.
func BenchmarkExchange(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := stock.NewServer()
	testpb.RegisterTestServiceServer(server, bare{})
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	address := l.Addr().String()
	cc, err := stock.NewClient(address, stock.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	c := dial(b, address)
	ctx := b.Context()
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		r := simple(size, size)
		plain := func() error {
			return cc.Invoke(ctx, testService+"UnaryCall", r, &testpb.SimpleResponse{})
		}
		m := request(b, "UnaryCall", nil)
		ours := func(m *transport.Message, deadline time.Duration) error {
			body, err := proto.Marshal(r)
			if err != nil {
				return err
			}
			var at time.Time
			if deadline > 0 {
				at = time.Now().Add(deadline)
			}
			var reply transport.Message
			if err := c.Exchange(ctx, at, &transport.Message{Header: m.Header, Body: body}, &reply); err != nil {
				return err
			}
			return proto.Unmarshal(reply.Body, &testpb.SimpleResponse{})
		}
		timed := request(b, "UnaryCall", nil, transport.Field{Name: "Timeout", Value: "5000000000"})
		for _, callers := range []int{1, 16, 128, 1024} {
			for name, call := range map[string]func() error{
				"stock":    plain,
				"mailcall": func() error { return ours(m, 0) },
				"deadline": func() error { return ours(timed, 5*time.Second) },
			} {
				b.Run(fmt.Sprintf("%d/%d/%s", size, callers, name), func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(max(callers/runtime.GOMAXPROCS(0), 1))
					if callers == 1 {
						for b.Loop() {
							if err := call(); err != nil {
								b.Fatal(err)
							}
						}
						return
					}
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := call(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				})
			}
		}
	}
}
