// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must not hang.
const patience = 20 * time.Second

const hello = "Greeter.Hello"

// shortly is a bound for what is never answered.
const shortly = 150 * time.Millisecond

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

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// greetAnn makes the call that works.
func greetAnn(ctx context.Context, c api.Client, opts ...api.CallOption) error {
	rsp := new(greet.HelloReply)
	err := c.Call(ctx, c.NewRequest("greeter", hello, &greet.HelloRequest{Name: "Ann"}), rsp, opts...)
	if err == nil && rsp.GetGreeting() != "Hello Ann" {
		return errors.New("got greeting " + rsp.GetGreeting() + ", want Hello Ann")
	}
	return err
}

// last is the last attempt of a failed call; the zero value if there was none.
func last(t *testing.T, err error) (a rpcerr.Attempt, n int) {
	t.Helper()
	var e *rpcerr.CallError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *rpcerr.CallError", err)
	}
	if n = len(e.Attempts); n > 0 {
		a = e.Attempts[n-1]
	}
	return a, n
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

// greetAt calls any endpoint that takes and gives what Hello does.
func greetAt(t *testing.T, c api.Client, service, endpoint string, opts ...api.CallOption) error {
	return c.Call(t.Context(), c.NewRequest(service, endpoint, &greet.HelloRequest{Name: "Ann"}), new(greet.HelloReply), opts...)
}

// retry503 retries 503 and checks that attempts are counted from 0.
func retry503(t *testing.T) api.RetryFunc {
	want := 0
	return func(_ context.Context, req api.Request, n int, err error) (bool, error) {
		if n != want || req.Endpoint() != hello {
			t.Errorf("got attempt %d of %s, want %d of %s", n, req.Endpoint(), want, hello)
		}
		want++
		return rpcerr.From(err).Code == 503, nil
	}
}
