// SPDX-License-Identifier: Apache-2.0

// Typed wraps a client in the methods of one service, as generated code does, and
// inspects an error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/http"
)

// greeter is the service as its callers see it: protobuf messages in and out. It takes
// any [api.Client], so that tests can use a fake.
type greeter struct{ client api.Client }

func (g greeter) Hello(ctx context.Context, req *greet.HelloRequest, opts ...api.CallOption) (*greet.HelloReply, error) {
	return call[greet.HelloReply](ctx, g.client, "Greeter.Hello", req, opts)
}

func (g greeter) Fail(ctx context.Context, req *greet.HelloRequest, opts ...api.CallOption) (*greet.HelloReply, error) {
	return call[greet.HelloReply](ctx, g.client, "Greeter.Fail", req, opts)
}

func call[Rsp any](ctx context.Context, c api.Client, endpoint string, req any, opts []api.CallOption) (*Rsp, error) {
	rsp := new(Rsp)
	if err := c.Call(ctx, c.NewRequest("greeter", endpoint, req), rsp, opts...); err != nil {
		return nil, err
	}
	return rsp, nil
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	over, err := http.New()
	if err != nil {
		return err
	}
	service := mailcalltest.NewGreeter("greeter") // your service runs elsewhere
	if err := service.Listen(over, "127.0.0.1:0"); err != nil {
		return err
	}
	defer service.Close()

	client, err := api.New(
		api.WithAddress(service.Address()),
		// Options of one method: Hello is idempotent, so it is retried after any
		// failure, and a slow first attempt is hedged.
		api.WithMethod("Greeter.Hello", api.WithIdempotent(true), api.WithHedge(200*time.Millisecond)),
	)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	g := greeter{client}

	rsp, err := g.Hello(ctx, &greet.HelloRequest{Name: "Ada"}, api.WithRequestTimeout(10*time.Second))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, rsp.GetGreeting())

	_, err = g.Fail(ctx, &greet.HelloRequest{Code: 409, Detail: "that name is taken"})
	if e := rpcerr.From(err); e != nil { // what the service answered
		fmt.Fprintf(out, "%d %s: %s\n", e.Code, e.Status, e.Detail)
	}
	if failed, ok := errors.AsType[*rpcerr.CallError](err); ok { // what the client did
		for i, a := range failed.Attempts {
			fmt.Fprintf(out, "attempt %d: %s\n", i+1, a.Proof)
		}
	}
	return nil
}
