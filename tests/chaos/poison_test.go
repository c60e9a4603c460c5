// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
)

// poisons are messages that no actor can digest: each makes the turn of its
// receiver panic.
func poisons() map[string]any {
	return map[string]any{
		"root":     messages.OpenPool{},
		"selector": messages.Outrun{},
		"keeper":   messages.Released{},
		"retrier":  messages.Judge{Case: messages.Case{Max: 2, Proof: rpcerr.SentUnknown, Idempotent: true}},
	}
}

// An actor whose turn panics loses the message that broke it and nothing else,
// however often it happens: what it knows, and the actors below it, stay.
func TestPanicsOfActorsAreContained(t *testing.T) {
	for kind, poison := range poisons() {
		t.Run(kind, func(t *testing.T) {
			server := mailcalltest.Start(t)
			c := kit.Start(t, api.WithRegistry(static.New("greeter", server.Address())), api.WithConnClose())
			if err := kit.Call(kit.Within(t), c); err != nil {
				t.Fatal(err)
			}
			before := actorsOf(c)
			for _, id := range before[kind] {
				for range 50 {
					c.Runtime().System.Root.Send(actor.NewPID(c.Runtime().System.Address(), id), poison)
				}
			}
			for range 3 {
				if err := kit.Call(kit.Within(t), c); err != nil {
					t.Errorf("a call afterwards: %v", err)
				}
			}
			if err := kit.Call(kit.Within(t), c, api.WithAddress(server.Address())); err != nil {
				t.Errorf("a call that needs a new selector: %v", err)
			}
			for kind, ids := range before {
				if after := actorsOf(c)[kind]; len(ids) > 0 && (len(after) == 0 || after[0] != ids[0]) {
					t.Errorf("got %ss %q, want %q among them", kind, after, ids)
				}
			}
		})
	}
}

// actorsOf are the ids of a client's actors by their kind.
func actorsOf(c *api.Caller) map[string][]string {
	ids := make(map[string][]string)
	for _, a := range c.Runtime().Snapshot().Actors {
		ids[a.Kind] = append(ids[a.Kind], a.ID)
	}
	return ids
}
