// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
)

// leave starts a client of four nodes, of which some are taken out of the
// registry, and returns the nodes once the client knows.
func leave(t *testing.T, gone int) (c *api.Caller, all []*mailcalltest.Responder) {
	t.Helper()
	r := memory.New()
	for range 4 {
		s := mailcalltest.Start(t)
		all = append(all, s)
		if err := r.Add(&registry.Service{Name: "greeter", Nodes: []*registry.Node{{
			ID: s.Address(), Address: s.Address(), Metadata: map[string]string{"protocol": "mucp"},
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	c = start(t, api.WithRegistry(r), api.WithRetries(4))
	around := new(selector.RoundRobin)
	for range all {
		if err := greetAnn(within(t), c, api.WithStrategy(around)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range all[:gone] {
		if err := r.Remove("greeter", s.Address()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the nodes to leave", func() bool {
		n := 0
		for _, node := range c.Runtime().Snapshot().Services[0].Nodes {
			if node.Leaving {
				n++
			}
		}
		return n == gone
	})
	return c, all
}

// A node that the registry does not name any more gets no call while the others
// can take it: when it stops, it has none that could be cut off.
func TestLeavingNodesGetNoCalls(t *testing.T) {
	c, all := leave(t, 2)
	before := all[0].Calls(hello) + all[1].Calls(hello)
	for range 100 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if got := all[0].Calls(hello) + all[1].Calls(hello) - before; got != 0 {
		t.Errorf("got %d of 100 calls at nodes that leave, want none", got)
	}
	all[2].Kill()
	all[3].Kill()
	if err := greetAnn(within(t), c, api.WithIdempotent(true)); err != nil {
		t.Errorf("got %v, want an answer of a node that leaves: no other is there", err)
	}
}

// When most nodes leave at once, it is the registry that is doubted.
func TestLeavingNodesAreCalledWhenMostLeave(t *testing.T) {
	c, all := leave(t, 3)
	around := new(selector.RoundRobin)
	for range 40 {
		if err := greetAnn(within(t), c, api.WithStrategy(around)); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range all {
		if got := s.Calls(hello); got < 10 {
			t.Errorf("got %d of 40 calls at node %d, want 10", got, i)
		}
	}
}

// Idle connections to a node that leaves are closed before the node is forgotten, and
// those to the others are kept.
func TestLeavingNodesKeepNoIdleConnection(t *testing.T) {
	c, all := leave(t, 2)
	open := func(s *mailcalltest.Responder) int64 {
		for _, p := range c.Runtime().Snapshot().Pools {
			if p.Address == s.Address() {
				return p.Open
			}
		}
		t.Fatalf("got no pool of %s, want one without a connection", s.Address())
		return 0
	}
	until(t, "the connections to be closed", func() bool { return open(all[0]) == 0 && open(all[1]) == 0 })
	if a, b := open(all[2]), open(all[3]); a != 1 || b != 1 {
		t.Errorf("got %d and %d connections to the nodes that stay, want one each", a, b)
	}
}
