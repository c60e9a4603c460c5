// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"context"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
)

// G8: Init waits for no call and holds none up. The slow call is answered
// only after all the rest has happened.
func TestG8InitDoesNotWait(t *testing.T) {
	g := newGate()
	server := mailcalltest.Start(t, g.handler())
	client := start(t, api.WithAddress(server.Address()), api.WithRequestTimeout(patience), api.WithAttemptTimeout(0))
	slow := make(chan error, 1)
	go func() { slow <- call(context.Background(), client, hello) }()
	await(t, "the slow call", g.hits)
	for range 10 {
		if err := client.Init(api.WithRetries(1), api.WithAttemptTimeout(patience), api.WithPoolSize(3)); err != nil {
			t.Fatal(err)
		}
		if err := call(within(t), client, "Greeter.Echo"); err != nil {
			t.Errorf("a new call: %v", err)
		}
	}
	select {
	case err := <-slow:
		t.Errorf("got %v from the slow call already, want it to be in flight", err)
	default:
	}
	close(g.open)
	if err := await(t, "the slow answer", slow); err != nil {
		t.Errorf("the slow call: %v", err)
	}
}

// G9: a call that waits out a backoff goes on as it began, whatever Init says
// meanwhile.
func TestG9InitDuringBackoff(t *testing.T) {
	server := mailcalltest.Start(t)
	server.SetScript(mailcalltest.Script{mailcalltest.Close()})
	var client *api.Caller
	changed := make(chan error, 2)
	change := func() {
		changed <- client.Init(api.WithRetries(0), api.WithIdempotent(false), api.WithRequestTimeout(time.Nanosecond),
			api.WithRetry(api.RetryNever), api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) {
				return 0, errRetryAsked
			}))
	}
	client = start(t, api.WithAddress(server.Address()), api.WithIdempotent(true), api.WithRetries(2),
		api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) {
			change()    // once before the wait begins
			go change() // and once while it lasts, or there about
			return 50 * time.Millisecond, nil
		}))
	if err := call(context.Background(), client, hello); err != nil {
		t.Errorf("got %v, want the call to go on as it began", err)
	}
	for range 2 {
		if err := await(t, "Init", changed); err != nil {
			t.Error(err)
		}
	}
	mailcalltest.AssertCalls(t, server, hello, 2)
	if err := call(context.Background(), client, hello); err == nil {
		t.Error("got no error from a new call with a nanosecond to live, want one")
	}
}
