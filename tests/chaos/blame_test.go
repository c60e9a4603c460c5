// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/tests/internal/kit"
)

// A caller that gives up blames nobody: however often it happens, the node stays
// healthy.
func TestCancelledCallsBlameNoNode(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []api.CallOption
	}{
		{"alone", nil},
		{"under a call wrapper", []api.CallOption{
			api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })}},
		{"beside", []api.CallOption{api.WithHedge(kit.Patience), api.WithIdempotent(true)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gate := kit.NewGate()
			server := mailcalltest.Start(t, gate.Handler())
			t.Cleanup(gate.Open)
			c := kit.Start(t, api.WithAddress(server.Address()))
			const enough = 10 // faults in a row to eject a node, and more
			for range enough {
				ctx, cancel := context.WithCancel(kit.Within(t))
				told := make(chan error, 1)
				go func() { told <- kit.Call(ctx, c, tc.opts...) }()
				kit.Await(t, "a request", gate.Hits)
				cancel()
				if err := kit.Await(t, "the end of the call", told); !errors.Is(err, context.Canceled) {
					t.Fatalf("got %v, want %v", err, context.Canceled)
				}
			}
			gate.Open()
			if err := kit.Call(kit.Within(t), c); err != nil {
				t.Fatal(err)
			}
			var n messages.NodeInfo
			kit.Until(t, "the answer to be counted, and what went before it", func() bool {
				n = c.Runtime().Snapshot().Services[0].Nodes[0]
				return n.Answers == 1
			})
			if n.Health != "healthy" || n.Faults != 0 {
				t.Errorf("got a node that is %s with %d faults, the last %q, want it healthy with none", n.Health, n.Faults, n.LastFault)
			}
		})
	}
}
