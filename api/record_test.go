// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
)

// TestARecordThatChanges: a node keeps its connections and its history when
// the registry says something else of it, and wrappers see that.
func TestARecordThatChanges(t *testing.T) {
	server := mailcalltest.Start(t)
	record := func(zone string) *registry.Service {
		return &registry.Service{Name: "greeter", Version: "1", Nodes: []*registry.Node{{
			ID: "greeter-1", Address: server.Address(),
			Metadata: map[string]string{"protocol": "mucp", "transport": "http", "zone": zone},
		}}}
	}
	nodes := memory.New()
	if err := nodes.Add(record("a")); err != nil {
		t.Fatal(err)
	}
	zones := make(chan string, 1)
	seen := func(next api.CallFunc) api.CallFunc {
		return func(ctx context.Context, n *registry.Node, req api.Request, rsp any, o api.CallOptions) error {
			zones <- n.Metadata["zone"]
			return next(ctx, n, req, rsp, o)
		}
	}
	c := start(t, api.WithRegistry(nodes), api.WithCallWrapper(seen))
	call := func() string {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
		return <-zones
	}
	if got := call(); got != "a" {
		t.Errorf("got zone %q, want a", got)
	}
	if err := nodes.Add(record("b")); err != nil {
		t.Fatal(err)
	}
	for got := call(); got != "b"; got = call() {
		if t.Context().Err() != nil {
			t.Fatal("got zone a for ever, want b")
		}
	}
	if n := server.Stats().Connections; n != 1 {
		t.Errorf("got %d connections, want the first one kept", n)
	}
}
