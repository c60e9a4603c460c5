// SPDX-License-Identifier: Apache-2.0

// Grpc calls a plain gRPC server without go-micro: the standard health service of
// google.golang.org/grpc.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	googlegrpc "google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"example.com/mailcall/api"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/grpc"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	// The server, which does not use mailcall.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	shop := health.NewServer()
	shop.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	server := googlegrpc.NewServer()
	healthpb.RegisterHealthServer(server, shop)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { server.Stop(); <-served }()

	// The client: retries, load balancing and deadlines are mailcall's, the protocol is
	// gRPC's.
	over, err := grpc.New()
	if err != nil {
		return err
	}
	client, err := api.New(api.WithTransport(over), api.WithAddress(listener.Addr().String()))
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	if err := check(ctx, client, out); err != nil {
		return err
	}
	return watch(ctx, client, shop, out)
}

// check makes unary calls. The service is the package of the proto file, the endpoint
// is "Service.Method"; the full path "/grpc.health.v1.Health/Check" also works.
func check(ctx context.Context, client api.Client, out io.Writer) error {
	var header transport.Header
	rsp := &healthpb.HealthCheckResponse{}
	req := client.NewRequest("grpc.health.v1", "Health.Check", &healthpb.HealthCheckRequest{Service: "shop"})
	if err := client.Call(ctx, req, rsp, api.WithReplyHeader(&header)); err != nil {
		return err
	}
	fmt.Fprintf(out, "shop: %s (%s)\n", rsp.GetStatus(), header.Get("content-type"))

	req = client.NewRequest("health", "/grpc.health.v1.Health/Check", &healthpb.HealthCheckRequest{Service: "bakery"})
	err := client.Call(ctx, req, rsp)
	s, ok := status.FromError(err) // the gRPC status, with any details
	e := rpcerr.From(err)          // the go-micro error
	if err == nil || !ok || e == nil {
		return fmt.Errorf("bakery: got %w, want a status of the server", err)
	}
	fmt.Fprintf(out, "bakery: %s, which is %d: %s\n", s.Code(), e.Code, e.Detail)
	return nil
}

// watch reads a server stream.
func watch(ctx context.Context, client api.Client, shop *health.Server, out io.Writer) error {
	s, err := client.Stream(ctx, client.NewRequest("grpc.health.v1", "Health.Watch", nil))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Send(&healthpb.HealthCheckRequest{Service: "shop"}); err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil { // a server stream has one request
		return err
	}
	for range 2 {
		rsp := &healthpb.HealthCheckResponse{}
		if err := s.Recv(rsp); err != nil {
			return err
		}
		fmt.Fprintf(out, "watching shop: %s\n", rsp.GetStatus())
		shop.SetServingStatus("shop", healthpb.HealthCheckResponse_NOT_SERVING)
	}
	return nil
}
