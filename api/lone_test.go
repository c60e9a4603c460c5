// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/tcp"
)

// A caller that is alone on a shared connection reads it itself. Whatever else
// ends its call reaches it there.
func TestLoneCallerOnASharedConnectionIsReached(t *testing.T) {
	began := make(chan struct{}, 8)
	var hold atomic.Int64 // how many calls are not answered
	release := make(chan struct{})
	wire, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	greeter := mailcalltest.WithHandlers(
		mailcalltest.Handle(hello, func(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = "Hello " + req.GetName()
			if hold.Add(-1) < 0 {
				return nil
			}
			began <- struct{}{}
			<-release // and not for the end of the time, at which it would race the client
			return nil
		}))
	server, other := mailcalltest.StartOn(t, wire, "127.0.0.1:0", greeter), mailcalltest.StartOn(t, wire, "127.0.0.1:0", greeter)
	t.Cleanup(func() { close(release) })
	for _, c := range []struct {
		name string
		opts []api.CallOption
		end  func(c *api.Caller, cancel func()) // once the service has begun; nil: time does
		want error
	}{
		{name: "cancelled", end: func(_ *api.Caller, cancel func()) { cancel() }, want: context.Canceled},
		{name: "overdue", opts: []api.CallOption{api.WithRequestTimeout(shortly)}, want: context.DeadlineExceeded},
		{name: "attempt overdue", opts: []api.CallOption{api.WithAttemptTimeout(shortly)}, want: rpcerr.ErrAttemptTimeout},
		{name: "hedged", opts: []api.CallOption{api.WithIdempotent(true), api.WithHedge(shortly)}},
		{name: "closed", end: func(c *api.Caller, _ func()) {
			over, cancel := context.WithCancel(context.Background())
			cancel()
			c.Close(over)
		}, want: rpcerr.ErrClosed},
	} {
		for _, background := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, background %t", c.name, background), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if background {
					if errors.Is(c.want, context.Canceled) {
						return
					}
					ctx = context.Background()
				}
				client := start(t, api.WithTransport(wire), api.WithAddress(server.Address(), other.Address()))
				for range 50 {
					if err := greetAnn(ctx, client); err != nil {
						t.Fatal(err)
					}
				}
				hold.Store(1)
				over := make(chan error, 1)
				go func() { over <- greetAnn(ctx, client, c.opts...) }()
				await(t, "the call at the service", began)
				if c.end != nil {
					c.end(client, cancel)
				}
				if err := await(t, "the end of the call", over); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		}
	}
}
