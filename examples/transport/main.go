// SPDX-License-Identifier: Apache-2.0

// Transport calls a service over its own transport, which takes the few methods in
// frames.go: unary calls and streams, with deadlines and cancellation.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "frames")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	service := mailcalltest.NewGreeter("greeter") // your service runs elsewhere
	if err := service.Listen(frames{}, filepath.Join(dir, "greeter.sock")); err != nil {
		return err
	}
	defer service.Close()

	client, err := api.New(api.WithTransport(frames{}), api.WithAddress(service.Address()))
	if err != nil {
		return err
	}
	defer client.Close(context.WithoutCancel(ctx))

	rsp := &greet.HelloReply{}
	if err := client.Call(ctx, client.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: "Ada"}), rsp); err != nil {
		return err
	}
	fmt.Fprintln(out, rsp.GetGreeting())

	s, err := client.Stream(ctx, client.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Send(&greet.HelloRequest{Name: "Grace"}); err != nil {
		return err
	}
	if err := s.Recv(rsp); err != nil {
		return err
	}
	fmt.Fprintln(out, rsp.GetGreeting(), "on a stream")

	slow := client.NewRequest("greeter", "Greeter.Sleep", &greet.HelloRequest{SleepMs: time.Hour.Milliseconds()})
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err = client.Call(ctx, slow, rsp)
	fmt.Fprintln(out, "a slow call met its deadline:", errors.Is(err, context.DeadlineExceeded))
	return nil
}
