// SPDX-License-Identifier: Apache-2.0

// Streaming shows the three kinds of streams.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/transport/tcp"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	over, err := tcp.New() // many streams share one connection
	if err != nil {
		return err
	}
	service := mailcalltest.NewGreeter("greeter") // your service runs elsewhere
	if err := service.Listen(over, "127.0.0.1:0"); err != nil {
		return err
	}
	defer service.Close()
	client, err := api.New(api.WithTransport(over), api.WithAddress(service.Address()))
	if err != nil {
		return err
	}
	defer client.Close(ctx)

	for _, show := range []func(context.Context, api.Client, io.Writer) error{serverStream, clientStream, bidirectional} {
		if err := show(ctx, client, out); err != nil {
			return err
		}
	}
	return nil
}

// serverStream sends one message and receives until the service ends the stream.
func serverStream(ctx context.Context, c api.Client, out io.Writer) error {
	s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.ServerStream", nil))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Send(&greet.HelloRequest{Name: "Ada", Count: 3}); err != nil {
		return err
	}
	for {
		rsp := &greet.HelloReply{}
		switch err := s.Recv(rsp); {
		case errors.Is(err, io.EOF): // the normal end
			return nil
		case err != nil:
			return err
		}
		fmt.Fprintln(out, "server stream:", rsp.GetGreeting(), rsp.GetSeq())
	}
}

// clientStream sends many messages, half-closes the stream, and receives the sum.
func clientStream(ctx context.Context, c api.Client, out io.Writer) error {
	s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.ClientStream", nil))
	if err != nil {
		return err
	}
	defer s.Close()
	for n := range int64(5) {
		if err := s.Send(&greet.HelloRequest{Count: n}); err != nil {
			return err
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	rsp := &greet.HelloReply{}
	if err := s.Recv(rsp); err != nil {
		return err
	}
	fmt.Fprintf(out, "client stream: %s messages, the sum is %d\n", rsp.GetGreeting(), rsp.GetSeq())
	return nil
}

// bidirectional sends on one goroutine and receives on another.
func bidirectional(ctx context.Context, c api.Client, out io.Writer) error {
	s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bidi", nil))
	if err != nil {
		return err
	}
	defer s.Close() // also ends a Send that blocks
	sent := make(chan error, 1)
	go func() {
		for _, name := range []string{"Ada", "Grace", "Barbara"} {
			if err := s.Send(&greet.HelloRequest{Name: name}); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	for {
		rsp := &greet.HelloReply{}
		switch err := s.Recv(rsp); {
		case errors.Is(err, io.EOF):
			return <-sent
		case err != nil:
			return err
		}
		fmt.Fprintln(out, "bidirectional:", rsp.GetGreeting())
	}
}
