// SPDX-License-Identifier: Apache-2.0

// Shutdown ends a program gracefully: a signal stops new work, Close waits for the
// calls in flight, and those that do not end in time are cancelled and counted. While
// the program runs, the inspector shows what the client is doing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/inspect"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/http"
)

// drain is how long to wait for calls in flight.
const drain = time.Second

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	asked, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	work, err := newService()
	if err != nil {
		return err
	}
	defer work.Close()
	client, err := api.New(api.WithAddress(work.Address()), api.WithRequestTimeout(time.Hour), api.WithAttemptTimeout(time.Hour))
	if err != nil {
		return err
	}

	// The inspector has no port by default; this is one on the loopback interface.
	looking, blind := context.WithCancel(ctx)
	page, gone, err := inspect.Serve(looking, client.Runtime())
	if err != nil {
		blind()
		return err
	}
	defer func() { blind(); err = errors.Join(err, gone()) }()

	over := make(chan string, 2)
	for _, job := range []string{"Work.Job", "Work.Stuck"} {
		go func() {
			rsp := &greet.HelloReply{}
			err := client.Call(ctx, client.NewRequest("work", job, &greet.HelloRequest{}), rsp)
			over <- fmt.Sprintf("%s: %s", job, outcome(rsp, err))
		}()
		<-work.began
	}
	fmt.Fprintf(out, "two calls in flight, look at %s\n", page)
	fmt.Fprintln(out, "stop me with ^C")
	<-asked.Done()
	stop() // a second ^C ends the program at once

	fmt.Fprintln(out, "stopping")
	close(work.ready) // the long job ends soon
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	cut := client.Close(bound) // from now on new calls get rpcerr.ErrClosed
	for range 2 {
		fmt.Fprintln(out, <-over)
	}
	fmt.Fprintln(out, "calls that were cut:", cut)
	return nil
}

func outcome(rsp *greet.HelloReply, err error) string {
	switch {
	case errors.Is(err, rpcerr.ErrClosed):
		return "cut"
	case err != nil:
		return err.Error()
	default:
		return rsp.GetGreeting()
	}
}

// service has a job that takes a while and one that never ends.
type service struct {
	*mailcalltest.Responder

	began, ready chan struct{}
}

func newService() (*service, error) {
	s := &service{began: make(chan struct{}), ready: make(chan struct{})}
	job := func(ctx context.Context, ready <-chan struct{}, rsp *greet.HelloReply) error {
		s.began <- struct{}{}
		select {
		case <-ready:
			rsp.Greeting = "done"
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.Responder = mailcalltest.New("work", mailcalltest.WithHandlers(
		mailcalltest.Handle("Work.Job", func(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			return job(ctx, s.ready, rsp)
		}),
		mailcalltest.Handle("Work.Stuck", func(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			return job(ctx, nil, rsp)
		}),
	))
	over, err := http.New()
	if err != nil {
		return nil, err
	}
	if err := s.Listen(over, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	return s, nil
}
