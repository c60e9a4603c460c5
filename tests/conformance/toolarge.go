// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"testing"

	"example.com/mailcall/rpcerr"
)

// TooLarge checks err, the error of a call or a publish whose message is larger than the
// transport or broker can send: it says so, nothing was sent, and since no other attempt
// could do better, there was only one.
func TooLarge(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, rpcerr.ErrMessageTooLarge) {
		t.Errorf("got %v, want ErrMessageTooLarge", err)
	}
	failed, is := errors.AsType[*rpcerr.CallError](err)
	if !is || len(failed.Attempts) != 1 {
		t.Errorf("got %v, want the error of a call with one attempt", err)
		return
	}
	if a := failed.Attempts[0]; a.Phase != rpcerr.PhaseSend || a.Proof != rpcerr.NotSent {
		t.Errorf("got phase %v and proof %v, want %v and %v", a.Phase, a.Proof, rpcerr.PhaseSend, rpcerr.NotSent)
	}
}
