// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"testing"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
)

// G10: fixed addresses are called evenly, and a retry goes to another one.
func TestG10FixedAddressesAreEven(t *testing.T) {
	const n, each = 4, 50
	for name, opts := range map[string][]api.Option{
		"round robin": {api.WithStrategy(new(selector.RoundRobin))},
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
				// The default weighs what it measures, and rolls dice.
				if low := map[bool]int{true: each, false: each / 5}[name == "round robin"]; got < low {
					t.Errorf("got %v calls, want at least %d each", counts, low)
				}
			}
		})
	}
}

func TestG10RetryGoesElsewhere(t *testing.T) {
	all, addresses := fleet(t, 4)
	for _, r := range all {
		r.SetScript(mailcalltest.Script{mailcalltest.Close().Times(1000)})
	}
	for range 10 {
		// A client of its own each time, before it thinks ill of a node.
		client := start(t, api.WithAddress(addresses...), api.WithIdempotent(true), api.WithBackoffBounds(0, 0))
		log := attempts(t, call(within(t), client, hello))
		seen := map[string]bool{}
		for _, a := range log {
			if seen[a.Node] {
				t.Fatalf("got node %s twice in %+v, want each once", a.Node, log)
			}
			seen[a.Node] = true
		}
		if len(log) != 3 {
			t.Errorf("got %+v, want 3 attempts", log)
		}
	}
}
