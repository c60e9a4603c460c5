// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
)

// A node that was ejected and has recovered is asked when every other node
// fails the call: at most half of the nodes are ejected, so the others may be
// the ones that are dead.
func TestEjectedNodeIsTriedWhenAllOthersFail(t *testing.T) {
	first, second := mailcalltest.Start(t), mailcalltest.Start(t)
	client, err := api.New(
		api.WithAddress(first.Address(), second.Address()),
		api.WithIdempotent(true),
		api.WithStrategy(selector.Random{}), // the default would soon leave the dead node alone
	)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	call := func() error {
		req := client.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: "Ada"})
		return client.Call(t.Context(), req, &greet.HelloReply{})
	}
	first.Kill()
	for !ejected(client, first.Address()) {
		if err := call(); err != nil {
			t.Fatalf("with one dead node of two: got %v, want an answer", err)
		}
	}
	if err := first.Restart(); err != nil {
		t.Fatal(err)
	}
	second.Kill()
	for range 10 {
		if err := call(); err != nil {
			t.Fatalf("with the other node dead: got %v, want an answer", err)
		}
	}
}

func ejected(client *api.Caller, address string) bool {
	for _, service := range client.Runtime().Snapshot().Services {
		for _, n := range service.Nodes {
			if n.Address == address && n.Health == "ejected" {
				return true
			}
		}
	}
	return false
}
