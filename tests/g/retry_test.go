// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
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
