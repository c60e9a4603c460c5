// SPDX-License-Identifier: Apache-2.0

// Package kit is what the black-box tests have in common: a client that ends
// with its test, waits that end, and servers that can be held.
package kit

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// Patience bounds what must not hang. Nothing is expected to take that long.
const Patience = 20 * time.Second

// Hello is the endpoint of the greeter that most calls are for.
const Hello = "Greeter.Hello"

// Start starts a client, and closes it when the test ends, cancelling what is left.
func Start(tb testing.TB, opts ...api.Option) *api.Caller {
	tb.Helper()
	c, err := api.New(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close(Over()) })
	return c
}

// Over returns a context that is done.
func Over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Within returns a context that is done when Patience has passed.
func Within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	tb.Cleanup(cancel)
	return ctx
}

// Call calls Greeter.Hello and checks nothing.
func Call(ctx context.Context, c api.Client, opts ...api.CallOption) error {
	return c.Call(ctx, c.NewRequest("greeter", Hello, &greet.HelloRequest{Name: "Ann"}), new(greet.HelloReply), opts...)
}

// Await waits for a value from c and returns it.
func Await[T any](tb testing.TB, what string, c <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-c:
	case <-Within(tb).Done():
		tb.Fatalf("got nothing in %s, want %s", Patience, what)
	}
	return v
}

// Until waits until is holds, and fails the test if it never does.
func Until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	ctx := Within(tb)
	// Between two looks the processor belongs to what is waited for: with one
	// of them a busy wait would hold up the network itself.
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-ctx.Done():
			tb.Fatalf("got nothing in %s, want %s", Patience, what)
		}
	}
}

// Log returns the attempts of a failed call.
func Log(tb testing.TB, err error) []rpcerr.Attempt {
	tb.Helper()
	var e *rpcerr.CallError
	if !errors.As(err, &e) {
		tb.Fatalf("got %v, want a *rpcerr.CallError", err)
	}
	return e.Attempts
}

// Pool is the pool of a client that has one only; the zero value if it has
// none.
func Pool(c *api.Caller) (p messages.PoolInfo) {
	for _, p = range c.Runtime().Snapshot().Pools {
		break
	}
	return p
}

// Settled waits until nothing is lent, waited for or counted as in flight.
func Settled(tb testing.TB, c *api.Caller) {
	tb.Helper()
	Until(tb, "everything to be given back", func() bool {
		s := c.Runtime().Snapshot()
		busy := s.Totals.Live
		for _, p := range s.Pools {
			busy += p.Lent + p.Waiters
		}
		for _, service := range s.Services {
			for _, n := range service.Nodes {
				busy += n.InFlight
			}
		}
		return busy == 0
	})
}
