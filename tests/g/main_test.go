// SPDX-License-Identifier: Apache-2.0

// Package g_test holds the acceptance tests G1 to G10: ten basics of a client
// over real sockets.
package g_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must not hang; nothing is expected to take as long.
const patience = 20 * time.Second

const hello = "Greeter.Hello"

// start starts a client and closes it with the test.
func start(t *testing.T, opts ...api.Option) *api.Caller {
	t.Helper()
	c, err := api.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// within is a context that ends before the test does.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func call(ctx context.Context, c *api.Caller, endpoint string, opts ...api.CallOption) error {
	req := &greet.HelloRequest{Name: "Ann", Code: 400, Detail: "no"}
	return c.Call(ctx, c.NewRequest("greeter", endpoint, req), new(greet.HelloReply), opts...)
}

// attempts returns the log of a failed call.
func attempts(t *testing.T, err error) []rpcerr.Attempt {
	t.Helper()
	var e *rpcerr.CallError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *rpcerr.CallError", err)
	}
	return e.Attempts
}

// inOrder is a strategy that takes the first node not tried yet.
type inOrder struct{}

func (inOrder) Pick(ready, tried []*messages.Node, _ messages.Dice) *messages.Node {
	for _, n := range ready {
		if !slices.Contains(tried, n) {
			return n
		}
	}
	return ready[0]
}

// gate is a handler of Greeter.Hello that tells of each request and waits to
// be let go, or for the end of its connection.
type gate struct {
	hits, gone chan struct{}
	open       chan struct{}
}

func newGate() *gate {
	return &gate{hits: make(chan struct{}, 100), gone: make(chan struct{}, 100), open: make(chan struct{})}
}

func (g *gate) handler() mailcalltest.Option {
	return mailcalltest.WithHandlers(mailcalltest.Handle(hello,
		func(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = "at last"
			g.hits <- struct{}{}
			select {
			case <-g.open:
			case <-ctx.Done():
				g.gone <- struct{}{}
			}
			return nil
		}))
}

// await waits for something to be told.
func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-within(t).Done():
		t.Fatalf("got nothing in %s, want %s", patience, what)
	}
	return v
}

// local is the address of a responder with its host by name.
func local(t *testing.T, r *mailcalltest.Responder) string {
	t.Helper()
	_, port, err := net.SplitHostPort(r.Address())
	if err != nil {
		t.Fatal(err)
	}
	return "localhost:" + port
}

// fleet starts n responders and returns them with their addresses.
func fleet(t *testing.T, n int) (all []*mailcalltest.Responder, addresses []string) {
	t.Helper()
	for range n {
		r := mailcalltest.Start(t)
		all, addresses = append(all, r), append(addresses, r.Address())
	}
	return all, addresses
}

// calls counts the requests for Greeter.Hello at each responder.
func calls(all []*mailcalltest.Responder) (counts []int, sum int) {
	for _, r := range all {
		counts = append(counts, r.Calls(hello))
		sum += r.Calls(hello)
	}
	return counts, sum
}

var errRetryAsked = fmt.Errorf("the call was asked about a retry")
