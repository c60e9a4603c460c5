// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

var errHasty = errors.New("the wrapper did not wait")

// hasty is a call wrapper that has the attempt made on another goroutine and
// does not wait for it.
func hasty(begun <-chan struct{}) api.CallWrapper {
	return func(next api.CallFunc) api.CallFunc {
		return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, opts api.CallOptions) error {
			go func() { _ = next(ctx, n, req, rsp, opts) }()
			<-begun
			return errHasty
		}
	}
}

// An attempt that its wrapper has left alone is over: nothing of it reaches the
// calls that come after.
func TestWrapperThatDoesNotWait(t *testing.T) {
	overTCP, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		on  mailcalltest.Listening
		own transport.Transport
	}{
		"http": {overHTTP(t).(mailcalltest.Listening), overHTTP(t)},
		"tcp":  {overTCP, overTCP},
		"bare": {overHTTP(t).(mailcalltest.Listening), bombTransport{overHTTP(t), new(bomb), "bare "}},
	} {
		t.Run(name, func(t *testing.T) {
			gate := kit.NewGate()
			server := mailcalltest.StartOn(t, tc.on, "127.0.0.1:0", gate.Handler(), echo())
			defer gate.Open()
			c := kit.Start(t, api.WithTransport(tc.own), api.WithAddress(server.Address()), api.WithRetries(0))
			for i := range 20 {
				rsp := &greet.HelloReply{}
				err := c.Call(kit.Within(t), c.NewRequest("greeter", kit.Hello, &greet.HelloRequest{Name: "Ann"}), rsp, api.WithCallWrapper(hasty(gate.Hits)))
				if !errors.Is(err, errHasty) {
					t.Fatalf("got %v, want %v", err, errHasty)
				}
				want := fmt.Sprint("call ", i)
				err = c.Call(kit.Within(t), c.NewRequest("greeter", "Greeter.Echo", &greet.HelloRequest{Name: want}), rsp)
				if err != nil || rsp.GetGreeting() != want {
					t.Fatalf("got %q, %v, want %q", rsp.GetGreeting(), err, want)
				}
			}
			kit.Settled(t, c)
		})
	}
}

func echo() mailcalltest.Option {
	return mailcalltest.WithHandlers(mailcalltest.Handle("Greeter.Echo",
		func(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = req.GetName()
			return nil
		}))
}
