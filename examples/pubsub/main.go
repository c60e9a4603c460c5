// SPDX-License-Identifier: Apache-2.0

// Pubsub publishes events, first inside the process, then over go-micro's HTTP
// broker, where subscribers are found through the registry.
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

// inProcess has publisher and subscriber share a broker.
func inProcess(ctx context.Context, out io.Writer) error {
	b := inside.New()
	defer b.Close()
	return news(ctx, out, b, api.WithBroker(b))
}

// overHTTP has a subscriber that listens on a port, and a client that posts to
// it. All they share is the registry; it would be one of your network.
func overHTTP(ctx context.Context, out io.Writer) error {
	registry := memory.New()
	b, err := api.NewHTTPBroker(registry)
	if err != nil {
		return err
	}
	defer b.Close()
	return news(ctx, out, b, api.WithRegistry(registry)) // it publishes through a broker of its own
}

// news subscribes to a topic and publishes to it with a client of its own.
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
		return err // says whether somebody may have got it
	}
	select {
	case text := <-heard:
		fmt.Fprintf(out, "%s: %s\n", b, text)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
