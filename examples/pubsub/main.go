// SPDX-License-Identifier: Apache-2.0

// Pubsub publishes events, first within the process, then over go-micro's HTTP broker,
// which finds subscribers through the registry.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	inside "example.com/mailcall/broker/memory"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry/memory"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	if err := inProcess(ctx, out); err != nil {
		return err
	}
	return overHTTP(ctx, out)
}

// inProcess uses one broker for publisher and subscriber.
func inProcess(ctx context.Context, out io.Writer) error {
	b := inside.New()
	defer b.Close()
	return news(ctx, out, b, api.WithBroker(b))
}

// overHTTP has a subscriber that listens on a port, and a client that posts events to
// it. They share only the registry; yours would be one on the network.
func overHTTP(ctx context.Context, out io.Writer) error {
	registry := memory.New()
	b, err := api.NewHTTPBroker(registry)
	if err != nil {
		return err
	}
	defer b.Close()
	return news(ctx, out, b, api.WithRegistry(registry)) // the client publishes through its own broker
}

// news subscribes to a topic, and publishes to it with a new client.
func news(ctx context.Context, out io.Writer, b broker.Broker, opt api.Option) error {
	heard := make(chan string, 1)
	sub, err := b.Subscribe(ctx, "greetings", func(_ context.Context, e broker.Event) error {
		var said greet.HelloRequest
		if err := proto.Unmarshal(e.Message.Body, &said); err != nil {
			return err
		}
		heard <- fmt.Sprintf("%s from %s (%s)", e.Topic, said.GetName(), e.Message.Header["Content-Type"])
		return nil
	})
	if err != nil {
		return err
	}
	defer sub.Close()

	client, err := api.New(opt)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	if err := client.Publish(ctx, client.NewMessage("greetings", &greet.HelloRequest{Name: "Ada"})); err != nil {
		return err // the error says whether a subscriber may have received it
	}
	select {
	case text := <-heard:
		fmt.Fprintf(out, "%s: %s\n", b, text)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
