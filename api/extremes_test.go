// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
)

// The longest duration may stand for "for ever".
func TestLongestDurations(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()), api.WithRequestTimeout(ever), api.WithAttemptTimeout(ever),
		api.WithPoolTTL(ever), api.WithPoolIdleTimeout(ever), api.WithDialTimeout(ever), api.WithBackoffBounds(ever, ever))
	for range 20 {
		if err := greetAnn(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Connections(); got != 1 {
		t.Errorf("got %d connections, want 1: none of them grows old", got)
	}
}

// With the shortest age each connection carries one call.
func TestShortestAge(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()), api.WithPoolTTL(1), api.WithRetries(0))
	const n = 20
	for range n {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Connections(); got != n {
		t.Errorf("got %d connections, want %d", got, n)
	}
}

// An attempt whose time is over before anything was sent names its bound like any
// other, and does not count as the end of the call's time.
func TestAttemptTimeoutBeforeTheRequest(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	if err := greetAnn(within(t), c); err != nil { // leaves an idle connection
		t.Fatal(err)
	}
	err := greetAnn(within(t), c, api.WithAttemptTimeout(1), api.WithRetries(0))
	if !errors.Is(err, rpcerr.ErrAttemptTimeout) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "AttemptTimeout") {
		t.Errorf("got %v, want an error that names AttemptTimeout", err)
	}
	if a, n := last(t, err); n != 1 || a.Phase != rpcerr.PhaseSend || a.Proof != rpcerr.NotSent {
		t.Errorf("got %d attempts, the last in phase %s with proof %s, want 1, send and not-sent", n, a.Phase, a.Proof)
	}
}

// A budget that is no number is refused: nothing could be compared with it.
func TestBudgetMustBeANumber(t *testing.T) {
	t.Setenv("MAILCALL_RETRY_BUDGET", "NaN")
	c, err := api.New(api.WithEnvironment())
	if err == nil || !strings.Contains(err.Error(), "RetryBudget") {
		t.Errorf("got %v, want an error that names RetryBudget", err)
	}
	if c != nil {
		c.Close(context.Background())
	}
}

// What Init has set is what the snapshot shows.
func TestSnapshotShowsTheBudgetOfInit(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	if err := c.Init(api.WithRetryBudget(3, 0.1, 0.5)); err != nil {
		t.Fatal(err)
	}
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	if got := c.Runtime().Snapshot().Services[0].Budget; got != 3 {
		t.Errorf("got %.1f tokens, want 3", got)
	}
}

// A call that waits says what for: in the snapshot, and in the error if its
// time is over meanwhile.
func TestSnapshotAndErrorSayWhatACallWaitsFor(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetScript(mailcalltest.Script{mailcalltest.Close()})
	r := gated{static.New("slow", server.Address()), make(chan struct{}, 10), make(chan struct{})}
	c := start(t, api.WithRegistry(r), api.WithIdempotent(true))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() {
		done <- greetAnn(ctx, c, api.WithAddress(server.Address()), api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) {
			return time.Hour, nil
		}), api.WithRequestTimeout(0))
	}()
	until(t, "a call in backoff", func() bool { return phase(c.Runtime().Snapshot(), "greeter") == "backoff" })
	cancel()
	await(t, "the end of the call", done)

	err := greetAt(t, c, "slow", hello, api.WithRequestTimeout(shortly))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "while the nodes of slow were looked up") {
		t.Errorf("got %v, want a deadline that says what was waited for", err)
	}
}

func phase(s messages.Snapshot, service string) string {
	for _, c := range s.Calls {
		if c.Service == service {
			return c.Phase
		}
	}
	return ""
}
