// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
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

type wire struct {
	on  mailcalltest.Listening
	own transport.Transport
}

// wires are the ways in which a wrapped exchange is carried.
func wires(t *testing.T) map[string]wire {
	overTCP, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	over, _ := overHTTP(t).(mailcalltest.Listening)
	return map[string]wire{
		"http": {over, overHTTP(t)},
		"tcp":  {overTCP, overTCP},
		"bare": {over, bombTransport{overHTTP(t), new(bomb), "bare "}},
	}
}

// An attempt that its wrapper has left alone is over: nothing of it reaches the
// calls that come after.
func TestWrapperThatDoesNotWait(t *testing.T) {
	for name, tc := range wires(t) {
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

// An attempt that its wrapper gives a bound of its own says so, on every wire.
func TestBoundOfAWrapper(t *testing.T) {
	for name, tc := range wires(t) {
		server := mailcalltest.StartOn(t, tc.on, "127.0.0.1:0")
		server.Pause()
		c := kit.Start(t, api.WithTransport(tc.own), api.WithAddress(server.Address()), api.WithRetries(0))
		err := kit.Call(kit.Within(t), c, api.WithCallWrapper(func(next api.CallFunc) api.CallFunc {
			return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, opts api.CallOptions) error {
				ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				return next(ctx, n, req, rsp, opts)
			}
		}))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rpcerr.ErrAttemptTimeout) {
			t.Errorf("%s: got %v, want %v and no word of AttemptTimeout", name, err, context.DeadlineExceeded)
		}
		server.Resume()
	}
}

func echo() mailcalltest.Option {
	return mailcalltest.WithHandlers(mailcalltest.Handle("Greeter.Echo",
		func(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = req.GetName()
			return nil
		}))
}
