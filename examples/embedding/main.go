// SPDX-License-Identifier: Apache-2.0

// Embedding runs a client in the actor system that a program already has: the client's
// actors run beside yours, and one of yours makes a call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/transport/http"
)

// Messages of the receptionist.
type (
	welcome  struct{ name string } // from outside; the answer is a text or an error
	welcomed struct {              // from itself: the call has ended
		guest *actor.PID
		text  string
		err   error
	}
)

// receptionist is an actor of yours that calls a service.
type receptionist struct {
	client api.Client
	served int
}

// Receive implements actor.Actor.
func (r *receptionist) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case welcome:
		// A call may take long, and an actor must not block, so another goroutine makes
		// the call and sends the result as a message.
		self, guest, root := ctx.Self(), ctx.Sender(), ctx.ActorSystem().Root
		go func() {
			rsp := &greet.HelloReply{}
			bound, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			err := r.client.Call(bound, r.client.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: m.name}), rsp)
			root.Send(self, welcomed{guest, rsp.GetGreeting(), err})
		}()
	case welcomed:
		if m.err != nil {
			ctx.Send(m.guest, m.err)
			return
		}
		r.served++ // state is only used in the actor's turns
		ctx.Send(m.guest, fmt.Sprintf("%s, you are guest number %d", m.text, r.served))
	}
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

	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	system := actor.NewActorSystem(actor.WithLoggerFactory(quiet))
	defer system.Shutdown()
	client, err := api.New(api.WithActorSystem(system), api.WithName("rpc"), api.WithAddress(service.Address()))
	if err != nil {
		return err
	}

	desk := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &receptionist{client: client} }))
	for _, name := range []string{"Ada", "Grace"} {
		answer, err := system.Root.RequestFuture(desk, welcome{name}, 10*time.Second).Result()
		if err == nil {
			err, _ = answer.(error)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	for _, a := range client.Runtime().Snapshot().Actors {
		if strings.HasPrefix(a.ID, "rpc/root/selector") || strings.HasPrefix(a.ID, "rpc/root/keeper") {
			fmt.Fprintf(out, "beside it in the system: a %s\n", a.Kind)
		}
	}

	client.Close(ctx) // stops the client's actors; the actor system keeps running
	if system.IsStopped() {
		return errors.New("the system was stopped with the client")
	}
	return system.Root.StopFuture(desk).Wait()
}
