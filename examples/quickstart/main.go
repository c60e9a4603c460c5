// SPDX-License-Identifier: Apache-2.0

// Quickstart is a client, a service with two nodes, and a call.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/transport/http"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	// Your service runs elsewhere, and a registry knows its nodes. Here are two nodes
	// that speak go-micro's protocol.
	over, err := http.New()
	if err != nil {
		return err
	}
	here, there := mailcalltest.NewGreeter("greeter"), mailcalltest.NewGreeter("greeter")
	defer here.Close()
	defer there.Close()
	for _, node := range []*mailcalltest.Responder{here, there} {
		if err := node.Listen(over, "127.0.0.1:0"); err != nil {
			return err
		}
	}

	// One client serves the whole program. It connects when it makes the first call.
	client, err := api.New(api.WithRegistry(static.New("greeter", here.Address(), there.Address())))
	if err != nil {
		return err // the error has every invalid option
	}
	defer client.Close(ctx) // waits for calls in flight

	for _, name := range []string{"Ada", "Grace"} {
		rsp := &greet.HelloReply{}
		req := client.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: name})
		if err := client.Call(ctx, req, rsp); err != nil {
			return err // the error lists each attempt
		}
		fmt.Fprintln(out, rsp.GetGreeting())
	}
	return nil
}
