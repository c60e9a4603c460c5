// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
	"example.com/mailcall/registry/memory"
)

// departing is a strategy that picks the node at address, but only once it was
// removed and leave has been back: as if everything happened between the look
// at the list and what follows from it.
type departing struct {
	address string
	leave   func()
}

func (d departing) Pick(ready, tried []*messages.Node, dice messages.Dice) *messages.Node {
	for _, n := range ready {
		if n.Address == d.address && len(tried) == 0 {
			d.leave()
			return n
		}
	}
	return inOrder{}.Pick(ready, tried, dice)
}

// A node that goes between its choice and the question for a connection fails
// that attempt at once, and the call goes on at another. Nothing is left of its
// pool.
func TestNodeRemovedAfterItWasPicked(t *testing.T) {
	for name, used := range map[string]bool{"with a pool": true, "before it had a pool": false} {
		t.Run(name, func(t *testing.T) {
			going, staying := mailcalltest.Start(t), mailcalltest.Start(t)
			record := func(id, address string) *registry.Service {
				return &registry.Service{Name: "greeter", Version: "1", Nodes: []*registry.Node{{
					ID: id, Address: address, Metadata: map[string]string{"protocol": "mucp", "transport": "http"},
				}}}
			}
			source := memory.New(record("going", going.Address()), record("staying", staying.Address()))
			r, err := cache.New(source, cache.WithGrace(0))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
			c := start(t, api.WithRegistry(r), api.WithRequestTimeout(0), api.WithAttemptTimeout(0))
			first := going.Address()
			if !used {
				first = staying.Address()
			}
			if err := greetAnn(within(t), c, api.WithStrategy(departing{first, func() {}})); err != nil {
				t.Fatal(err)
			}
			leave := func() {
				if err := source.Remove("greeter", "going"); err != nil {
					t.Error(err)
				}
				until(t, "the node and its pool to go", func() bool {
					s := c.Runtime().Snapshot()
					return len(s.Services) == 1 && len(s.Services[0].Nodes) == 1 && !pooled(s, going.Address())
				})
			}
			if err := greetAnn(within(t), c, api.WithStrategy(departing{going.Address(), leave})); err != nil {
				t.Errorf("got %v, want the answer of the node that stayed", err)
			}
			if pooled(c.Runtime().Snapshot(), going.Address()) {
				t.Error("got a pool for a node that was removed, want none: nobody would retire it")
			}
		})
	}
}

// A node that goes before it had a connection takes no part in the pool of its address,
// which another service has made: that one goes with its own nodes.
func TestRemovedNodeDoesNotHoldThePoolOfAnother(t *testing.T) {
	going, staying := mailcalltest.Start(t), mailcalltest.Start(t)
	record := func(service, id, address string) *registry.Service {
		return &registry.Service{Name: service, Version: "1", Nodes: []*registry.Node{{
			ID: id, Address: address, Metadata: map[string]string{"protocol": "mucp", "transport": "http"},
		}}}
	}
	source := memory.New(
		record("greeter", "going", going.Address()), record("greeter", "staying", staying.Address()),
		record("other", "same", going.Address()))
	r, err := cache.New(source, cache.WithGrace(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c := start(t, api.WithRegistry(r))
	if err := greetAt(t, c, "other", hello); err != nil {
		t.Fatal(err)
	}
	nodes := func(service string) (n int) {
		for _, s := range c.Runtime().Snapshot().Services {
			if s.Name == service {
				n = len(s.Nodes)
			}
		}
		return n
	}
	leave := func() {
		if err := source.Remove("greeter", "going"); err != nil {
			t.Error(err)
		}
		until(t, "the node to go", func() bool { return nodes("greeter") == 1 })
	}
	if err := greetAnn(within(t), c, api.WithStrategy(departing{going.Address(), leave})); err != nil {
		t.Errorf("got %v, want the answer of the node that stayed", err)
	}
	if err := source.Remove("other", "same"); err != nil {
		t.Fatal(err)
	}
	until(t, "the pool to go with the other service's node", func() bool { return !pooled(c.Runtime().Snapshot(), going.Address()) })
}

func pooled(s messages.Snapshot, address string) bool {
	for _, p := range s.Pools {
		if p.Address == address {
			return true
		}
	}
	return false
}
