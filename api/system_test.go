// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
)

// A client lives in the actor system of a service, beside its actors, and
// leaves it as it was.
func TestEmbedding(t *testing.T) {
	system := actor.NewActorSystem()
	defer system.Shutdown()
	server := mailcalltest.Start(t)
	echo := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if text, ok := ctx.Message().(string); ok {
			ctx.Respond("echo " + text)
		}
	}))
	before := processes(system)
	for range 2 { // the name is free again after Close
		c, err := api.New(api.WithActorSystem(system), api.WithAddress(server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		if err := greetAnn(within(t), c); err != nil {
			t.Error(err)
		}
		if twin, err := api.New(api.WithActorSystem(system)); err == nil {
			twin.Close(t.Context())
			t.Error("got a second client of the same name in one system, want an error")
		}
		other, err := api.New(api.WithActorSystem(system), api.WithName("other"), api.WithAddress(server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
		if err := greetAnn(within(t), other); err != nil {
			t.Errorf("the other client, after Close of the first: %v", err)
		}
		other.Close(t.Context())
	}
	got, err := system.Root.RequestFuture(echo, "hello", patience).Result()
	if err != nil || got != "echo hello" {
		t.Errorf("got %v and %v from an actor of the system after Close, want echo hello", got, err)
	}
	if system.IsStopped() {
		t.Error("the system was stopped, want it to live")
	}
	until(t, "the client's actors to be gone", func() bool { return processes(system) <= before })
	system.Root.Stop(echo)
}

// The streams of a client cause no dead letters in the system of a service, which may
// log or count them, however they end.
func TestStreamsCauseNoDeadLetters(t *testing.T) {
	system := actor.NewActorSystem()
	defer system.Shutdown()
	var dead atomic.Int64
	watch := system.EventStream.Subscribe(func(event any) {
		if letter, is := event.(*actor.DeadLetterEvent); is && dead.Add(1) < 10 {
			t.Logf("%T to %s", letter.Message, letter.PID)
		}
	})
	defer system.EventStream.Unsubscribe(watch)
	server := mailcalltest.Start(t)
	c, err := api.New(api.WithActorSystem(system), api.WithAddress(server.Address()), api.WithHalfCloseWait(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(s api.Stream, cancel func()){
		"closed": func(s api.Stream, _ func()) { _, _ = s.Close(), s.Close() },
		"cancelled": func(s api.Stream, cancel func()) {
			cancel()
			until(t, "the end", func() bool { return s.Error() != nil })
		},
		"ended": func(s api.Stream, _ func()) {
			_ = s.CloseSend()
			for err := error(nil); err == nil; {
				err = s.Recv(new(greet.HelloReply))
			}
		},
	} {
		for range 20 {
			ctx, cancel := context.WithCancel(within(t))
			s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{Name: "Ann"}))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			end(s, cancel)
			_ = s.Close()
			cancel()
		}
	}
	c.Close(t.Context())
	if n := dead.Load(); n > 0 {
		t.Errorf("got %d dead letters, want none", n)
	}
}

// processes counts what is registered in a system.
func processes(s *actor.ActorSystem) (n int) {
	for _, bucket := range s.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count()
	}
	return n
}
