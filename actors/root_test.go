// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/actors/internal/actortest"
	"example.com/mailcall/messages"
)

// The keeper of an address that several nodes share is told that the address is being
// left only while all of those that are still there leave.
func TestNodesThatShareAnAddress(t *testing.T) {
	leaving, left := messages.SetLeaving{Leaving: true}, messages.SetLeaving{}
	type change func(r *root, one, other *messages.Node)
	leave := func(r *root, n *messages.Node) { r.nodeLeaving(messages.NodeLeaving{Node: n, Leaving: true}) }
	for _, tc := range []struct {
		name    string
		changes []change
		want    []any
	}{
		{"one leaves", []change{
			func(r *root, one, _ *messages.Node) { leave(r, one) },
		}, nil},
		{"both leave", []change{
			func(r *root, one, _ *messages.Node) { leave(r, one) },
			func(r *root, _, other *messages.Node) { leave(r, other) },
		}, []any{leaving}},
		{"one leaves and is gone", []change{
			func(r *root, one, _ *messages.Node) { leave(r, one) },
			func(r *root, one, _ *messages.Node) { r.nodeGone(one) },
		}, nil},
		{"the one that stays is gone", []change{
			func(r *root, one, _ *messages.Node) { leave(r, one) },
			func(r *root, _, other *messages.Node) { r.nodeGone(other) },
		}, []any{leaving}},
		{"one of them comes back", []change{
			func(r *root, one, _ *messages.Node) { leave(r, one) },
			func(r *root, _, other *messages.Node) { leave(r, other) },
			func(r *root, one, _ *messages.Node) { r.nodeLeaving(messages.NodeLeaving{Node: one}) },
		}, []any{leaving, left}},
		{"both are gone", []change{
			func(r *root, one, _ *messages.Node) { r.nodeGone(one) },
			func(r *root, _, other *messages.Node) { r.nodeGone(other) },
		}, []any{messages.Retire{}}},
		{"one is gone twice", []change{
			func(r *root, one, _ *messages.Node) { r.nodeGone(one) },
			func(r *root, one, _ *messages.Node) { r.nodeGone(one) },
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			system := actor.NewActorSystem()
			defer system.Shutdown()
			var keeper actortest.Inbox
			pid, _ := system.ProcessRegistry.Add(&keeper, "keeper")
			pool := &messages.Pool{Address: "a:80", Keeper: messages.NewRef[messages.KeeperMessage](system, pid)}
			one, other := &messages.Node{ID: "one", Address: "a:80"}, &messages.Node{ID: "other", Address: "a:80"}
			r := &root{pools: map[poolKey]*poolEntry{{"", "a:80"}: {pool: pool, users: 2}}}
			for _, n := range []*messages.Node{one, other} {
				n.SetPool(pool)
				r.joined(n)
			}
			for _, change := range tc.changes {
				change(r, one, other)
			}
			if !slices.Equal(keeper, tc.want) {
				t.Errorf("got %+v told to the keeper, want %+v", keeper, tc.want)
			}
		})
	}
}
