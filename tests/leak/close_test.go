// SPDX-License-Identifier: Apache-2.0

package leak_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport/http"
)

// many is how many calls are in flight when the client is closed.
const many = 1000

// descriptors counts what the process has open; -1 where that cannot be seen.
func descriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return -1
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// Close with a thousand calls in flight cuts them all: each returns its error,
// the number is right, and neither goroutine nor socket is left.
func TestCloseCutsCallsInFlight(t *testing.T) {
	for name, opts := range map[string][]api.CallOption{
		"inline":  nil,
		"aside":   {api.WithHedge(time.Hour), api.WithIdempotent(true)},
		"wrapped": {api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })},
	} {
		t.Run(name, func(t *testing.T) {
			goroutines := goleak.IgnoreCurrent()
			before := descriptors(t)
			g := kit.NewGate()
			server := mailcalltest.NewGreeter("greeter", g.Handler())
			over, err := http.New()
			if err == nil {
				err = server.Listen(over, "127.0.0.1:0")
			}
			if err != nil {
				t.Fatal(err)
			}
			c := kit.Start(t, api.WithAddress(server.Address()), api.WithRequestTimeout(0), api.WithAttemptTimeout(0))
			results := make(chan error, many)
			for range many {
				go func() { results <- kit.Call(context.Background(), c, opts...) }()
			}
			for range many {
				kit.Await(t, "a request", g.Hits)
			}
			if got := c.Close(kit.Over()); got != many {
				t.Errorf("got %d calls cut, want %d", got, many)
			}
			for range many {
				if err := kit.Await(t, "an answer", results); !errors.Is(err, rpcerr.ErrClosed) {
					t.Fatalf("got %v, want %v", err, rpcerr.ErrClosed)
				}
			}
			if got := c.Close(kit.Over()); got != many {
				t.Errorf("got %d from the second Close, want the same %d", got, many)
			}
			for range many {
				kit.Await(t, "the end of a connection at the server", g.Gone)
			}
			afterwards(t, c)
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			goleak.VerifyNone(t, goroutines)
			if got := descriptors(t); got > before {
				t.Errorf("got %d descriptors open, want %d as before", got, before)
			}
		})
	}
}

// afterwards checks a closed client from the outside.
func afterwards(t *testing.T, c *api.Caller) {
	t.Helper()
	if err := kit.Call(context.Background(), c); !errors.Is(err, rpcerr.ErrClosed) {
		t.Errorf("got %v from a call after Close, want %v", err, rpcerr.ErrClosed)
	}
	s := c.Runtime().Snapshot()
	if s.Totals.Live > 0 && len(s.Calls) > 0 || len(s.Pools) > 0 {
		t.Errorf("got %d calls and %d pools after Close, want none", len(s.Calls), len(s.Pools))
	}
}

// Close waits for calls that end by themselves, and cuts none then.
func TestCloseWaitsForCalls(t *testing.T) {
	g := kit.NewGate()
	server := mailcalltest.Start(t, g.Handler())
	c := kit.Start(t, api.WithAddress(server.Address()))
	result, cut := make(chan error, 1), make(chan int, 1)
	go func() { result <- kit.Call(context.Background(), c) }()
	kit.Await(t, "the request", g.Hits)
	go func() { cut <- c.Close(kit.Within(t)) }()
	kit.Until(t, "calls to be refused", func() bool {
		return errors.Is(kit.Call(kit.Over(), c), rpcerr.ErrClosed) || errors.Is(kit.Call(kit.Within(t), c, api.WithAddress("x:1")), rpcerr.ErrClosed)
	})
	g.Open()
	if err := kit.Await(t, "the answer", result); err != nil {
		t.Errorf("got %v, want the answer", err)
	}
	if got := kit.Await(t, "the end of Close", cut); got != 0 {
		t.Errorf("got %d calls cut, want none", got)
	}
}

// A client that was never used, and one that only failed, close as well.
func TestCloseOfLittleUsedClients(t *testing.T) {
	goroutines := goleak.IgnoreCurrent()
	if got := kit.Start(t).Close(kit.Over()); got != 0 {
		t.Errorf("got %d calls cut, want none", got)
	}
	c := kit.Start(t, api.WithAddress("127.0.0.1:1"))
	if err := kit.Call(kit.Within(t), c); err == nil {
		t.Error("got no error from port 1, want one")
	}
	c.Close(kit.Over())
	goleak.VerifyNone(t, goroutines)
}
