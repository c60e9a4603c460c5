// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"testing"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// The pool of a node whose dial has just failed is not full.
func TestPhaseOfAWithdrawnAttempt(t *testing.T) {
	for _, tc := range []struct {
		name               string
		open, dialing, max int64
		want               rpcerr.Phase
	}{
		{"a dial runs", 0, 1, 8, rpcerr.PhaseDial},
		{"the last dial that may be runs", 7, 1, 8, rpcerr.PhaseDial},
		{"the dial has just ended", 0, 0, 8, rpcerr.PhaseDial},
		{"others have the connections", 8, 0, 8, rpcerr.PhaseAcquire},
		{"the bound was lowered", 9, 0, 8, rpcerr.PhaseAcquire},
	} {
		var pool messages.PoolStats
		pool.Open.Store(tc.open)
		pool.Dialing.Store(tc.dialing)
		pool.Max.Store(tc.max)
		if got := missed(&pool); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}
