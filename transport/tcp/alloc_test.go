// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"testing"

	"example.com/mailcall/transport/tcp"
)

// A call costs no allocation, at either end.
func TestAllocations(t *testing.T) {
	if underRace {
		t.Skip("needs a build without the race detector, which allocates: make allocs")
	}
	c := dial(t, newTransport(t), serve(t, tcp.ServerConfig{Handler: echo, Inline: true}))
	const callers = 16
	waiters := make([]*waiter, callers)
	for i := range waiters {
		waiters[i] = &waiter{wake: make(chan struct{}, 1)}
	}
	m := request(make([]byte, 1<<10))
	round := func() {
		for _, w := range waiters {
			if _, err := c.Begin(m, w, 1); err != nil {
				t.Error(err)
			}
		}
		for _, w := range waiters {
			<-w.wake
		}
	}
	for range 100 {
		round()
	}
	if got := testing.AllocsPerRun(1000, round); got > 0.5 {
		t.Errorf("got %g allocations for %d calls, want none", got, callers)
	}
}
