// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
)

// G3: a refused connection proves that nothing was sent, so the call goes to
// the next node at once, idempotent or not. The backoff of hours shows "at
// once": it would not end before the test.
func TestG3RefusedGoesToTheNextNode(t *testing.T) {
	all, addresses := fleet(t, 2)
	all[0].Kill()
	client := start(t, api.WithAddress(addresses...), api.WithStrategy(inOrder{}),
		api.WithBackoffBounds(1000*time.Hour, 1000*time.Hour))
	for i := range 10 {
		if err := call(within(t), client, hello); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
	mailcalltest.AssertCalls(t, all[1], hello, 10)
}

// Without another node the refusal is what the user gets, as what it is.
func TestG3RefusedEverywhere(t *testing.T) {
	all, addresses := fleet(t, 2)
	all[0].Kill()
	all[1].Kill()
	client := start(t, api.WithAddress(addresses...), api.WithRetries(1))
	log := attempts(t, call(within(t), client, hello))
	if len(log) != 2 || log[0].Node == log[1].Node {
		t.Fatalf("got %+v, want an attempt at each of two nodes", log)
	}
	for _, a := range log {
		if a.Phase != rpcerr.PhaseDial || a.Proof != rpcerr.NotSent {
			t.Errorf("got phase %s and proof %s, want dial and not-sent", a.Phase, a.Proof)
		}
	}
	if got := log[0].Decision; !strings.HasPrefix(got, "retry at once") {
		t.Errorf("got decision %q, want a retry at once", got)
	}
}

// G4: a call that timed out may have been executed. It is made again only if
// it is idempotent, or if the user asks for it.
func TestG4TimeoutOfUnknownEffect(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []api.CallOption
		want int
	}{
		{"as it is", nil, 1},
		{"idempotent", []api.CallOption{api.WithIdempotent(true)}, 2},
		{"as in go-micro", []api.CallOption{api.WithRetry(api.RetryAlways)}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const rounds = 8 // the bound and the socket's deadline race each time
			server := mailcalltest.Start(t)
			server.Pause()
			defer server.Resume()
			client := start(t, api.WithAddress(server.Address()), api.WithRetries(1), api.WithRetryBudget(0, 0, 0),
				api.WithBackoffBounds(0, 0), api.WithAttemptTimeout(60*time.Millisecond))
			for range rounds {
				err := call(within(t), client, hello, tc.opts...)
				if !errors.Is(err, rpcerr.ErrAttemptTimeout) {
					t.Fatalf("got %v, want %v", err, rpcerr.ErrAttemptTimeout)
				}
				for _, a := range attempts(t, err) {
					if a.Phase != rpcerr.PhaseWait || a.Proof != rpcerr.SentUnknown {
						t.Errorf("got phase %s and proof %s, want wait and sent-unknown", a.Phase, a.Proof)
					}
				}
				mailcalltest.AssertAttempts(t, err, tc.want)
			}
			mailcalltest.AssertCalls(t, server, hello, rounds*tc.want)
		})
	}
}

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
		seen = nil
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		if err := call(ctx, client, hello, tc.opts...); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		cancel()
		if len(seen) != 1 || seen[0] <= 0 || seen[0] > tc.bound {
			t.Errorf("%s: got %v, want one of at most %s", tc.name, seen, tc.bound)
		}
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

// G7: an error says which attempt at which node failed, in which phase, and
// what bound it ran into.
func TestG7ErrorsName(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	defer server.Resume()
	client := start(t, api.WithAddress(server.Address()), api.WithBackoffBounds(0, 0))
	for _, tc := range []struct {
		name  string
		opts  []api.CallOption
		words []string
	}{
		{"attempt timeout", []api.CallOption{api.WithAttemptTimeout(50 * time.Millisecond)},
			[]string{"1 attempt", "50ms", "AttemptTimeout"}},
		{"several attempts", []api.CallOption{api.WithAttemptTimeout(40 * time.Millisecond), api.WithIdempotent(true), api.WithRetries(1)},
			[]string{"2 attempts", "40ms", "AttemptTimeout"}},
		{"request timeout", []api.CallOption{api.WithRequestTimeout(50 * time.Millisecond)},
			[]string{"1 attempt", "50ms", "RequestTimeout"}},
	} {
		err := call(within0(), client, hello, tc.opts...)
		if err == nil {
			t.Errorf("%s: got no error, want one", tc.name)
			continue
		}
		text := err.Error()
		for _, word := range append(tc.words, "greeter", hello, server.Address(), "wait") {
			if !strings.Contains(text, word) {
				t.Errorf("%s: got %q, want it to name %q", tc.name, text, word)
			}
		}
		if strings.Contains(text, "nil") {
			t.Errorf("%s: got %q, want no nil in it", tc.name, text)
		}
	}
}

// within0 is a context without a deadline, for bounds that a deadline replaces.
func within0() context.Context { return context.Background() }

// G10: fixed addresses are called evenly, and a retry goes to another one.
func TestG10FixedAddressesAreEven(t *testing.T) {
	const n, each = 4, 50
	for name, opts := range map[string][]api.Option{
		"round robin": {api.WithStrategy(new(api.RoundRobin))},
		"default":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			all, addresses := fleet(t, n)
			client := start(t, append(opts, api.WithAddress(addresses...), api.WithSeed(1))...)
			for range n * each {
				if err := call(within(t), client, hello); err != nil {
					t.Fatal(err)
				}
			}
			counts, _ := calls(all)
			for _, got := range counts {
				// The default weighs what it measures: nobody is left out.
				if low := map[bool]int{true: each, false: each / 5}[name == "round robin"]; got < low {
					t.Errorf("got %v calls, want at least %d each", counts, low)
				}
			}
		})
	}
}

func TestG10RetryGoesElsewhere(t *testing.T) {
	all, addresses := fleet(t, 4)
	client := start(t, api.WithAddress(addresses...), api.WithIdempotent(true), api.WithBackoffBounds(0, 0))
	for _, r := range all {
		r.SetScript(mailcalltest.Script{mailcalltest.Close().Times(1000)})
	}
	for range 20 {
		log := attempts(t, call(within(t), client, hello))
		seen := map[string]bool{}
		for _, a := range log {
			if seen[a.Node] {
				t.Fatalf("got node %s twice in %+v, want each once", a.Node, log)
			}
			seen[a.Node] = true
		}
	}
}
