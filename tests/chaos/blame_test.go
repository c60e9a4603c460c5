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
	"example.com/mailcall/transport"
)

type wayOfCalling struct {
	name string
	opts []api.CallOption
}

// waysOfCalling are the ways in which an exchange runs: on the caller's goroutine, with
// the user's code around it, and beside that goroutine.
func waysOfCalling() []wayOfCalling {
	return []wayOfCalling{
		{"alone", nil},
		{"under a call wrapper", []api.CallOption{
			api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next })}},
		{"beside", []api.CallOption{api.WithHedge(kit.Patience), api.WithIdempotent(true)}},
	}
}

// A caller that gives up blames nobody: however often it happens, the node stays
// healthy.
func TestCancelledCallsBlameNoNode(t *testing.T) {
	for _, tc := range waysOfCalling() {
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

func listening(t *testing.T, over transport.Transport) mailcalltest.Listening {
	t.Helper()
	l, is := over.(mailcalltest.Listening)
	if !is {
		t.Fatalf("got a %T, want it to listen as well", over)
	}
	return l
}

// The server of a cancelled call is told, whatever way the exchange runs, and the
// connection is good for other calls or is closed: nothing is left behind.
func TestCancelledCallsEndAtTheServer(t *testing.T) {
	for name, wire := range map[string]transport.Transport{"http": overHTTP(t), "tcp": overTCP(t)} {
		for _, tc := range waysOfCalling() {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				gate := kit.NewGate()
				server := mailcalltest.StartOn(t, listening(t, wire), "127.0.0.1:0", gate.Handler())
				t.Cleanup(gate.Open)
				// Without any bound, so that the server ends nothing by itself.
				c := kit.Start(t, api.WithTransport(wire), api.WithAddress(server.Address()), api.WithAttemptTimeout(0), api.WithRequestTimeout(0))
				ctx, cancel := context.WithCancel(t.Context())
				told := make(chan error, 1)
				go func() { told <- kit.Call(ctx, c, tc.opts...) }()
				kit.Await(t, "a request", gate.Hits)
				cancel()
				kit.Await(t, "the end of the request", gate.Gone)
				if err := kit.Await(t, "the end of the call", told); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v", err, context.Canceled)
				}
				kit.Settled(t, c)
			})
		}
	}
}
