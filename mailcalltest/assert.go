// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"errors"
	"testing"

	"example.com/mailcall/rpcerr"
)

// AssertAttempts fails the test unless err contains an *rpcerr.CallError with n
// attempts. The failure lists the actual ones.
func AssertAttempts(tb testing.TB, err error, n int) {
	tb.Helper()
	var call *rpcerr.CallError
	if !errors.As(err, &call) {
		tb.Errorf("got error %v, want a *rpcerr.CallError with %d attempts", err, n)
		return
	}
	if len(call.Attempts) == n {
		return
	}
	tb.Errorf("got %d attempts, want %d", len(call.Attempts), n)
	for i, a := range call.Attempts {
		tb.Logf("attempt %d: node %s, %s, %s, %v; %s", i+1, a.Node, a.Phase, a.Proof, a.Err, a.Decision)
	}
}

// AssertCalls fails the test unless exactly n requests for the endpoint have
// arrived at the responder so far; see [Responder.Calls].
func AssertCalls(tb testing.TB, r *Responder, endpoint string, n int) {
	tb.Helper()
	if got := r.Calls(endpoint); got != n {
		tb.Errorf("got %d calls of %s at %s, want %d", got, endpoint, r.Name(), n)
	}
}
