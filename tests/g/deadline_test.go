// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
)

// G5: each attempt tells the server what is left of the caller's deadline, or
// of its own bound if that ends first.
func TestG5ServerSeesTheRemainingDeadline(t *testing.T) {
	var mu sync.Mutex
	var seen []time.Duration
	server := mailcalltest.Start(t, mailcalltest.WithHandlers(mailcalltest.Handle(hello,
		func(ctx context.Context, _ *greet.HelloRequest, _ *greet.HelloReply) error {
			md, _ := metadata.FromContext(ctx)
			text, _ := md.Get("Timeout")
			left, err := time.ParseDuration(text + "ns")
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, left)
			return err
		})))
	client := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true))
	const deadline = 300 * time.Millisecond
	for _, tc := range []struct {
		name  string
		bound time.Duration
		opts  []api.CallOption
	}{
		{"of the caller", deadline, nil},
		{"of the attempt", 200 * time.Millisecond, []api.CallOption{api.WithAttemptTimeout(200 * time.Millisecond)}},
	} {
		mu.Lock()
		seen = nil
		mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		if err := call(ctx, client, hello, tc.opts...); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		cancel()
		mu.Lock()
		if len(seen) != 1 || seen[0] <= 0 || seen[0] > tc.bound {
			t.Errorf("%s: got %v, want one of at most %s", tc.name, seen, tc.bound)
		}
		mu.Unlock()
	}
}

// A second attempt has less time than the first had.
func TestG5LaterAttemptsHaveLess(t *testing.T) {
	server := mailcalltest.Start(t)
	var first time.Duration
	client := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true), api.WithAttemptTimeout(0),
		api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) {
			first = server.Endpoint(hello).LastTimeout
			return 10 * time.Millisecond, nil
		}))
	server.SetScript(mailcalltest.Script{mailcalltest.Close()})
	if err := call(within(t), client, hello); err != nil {
		t.Fatal(err)
	}
	second := server.Endpoint(hello).LastTimeout
	if first <= 0 || first > patience || second <= 0 || second > first-10*time.Millisecond {
		t.Errorf("got %s and then %s, want 10ms less at least", first, second)
	}
}
