// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"

	"example.com/mailcall/registry"
)

// A registry that gives away its own list, or one with gaps, fails its clause
// and lets the others run.
func TestNodesOf(t *testing.T) {
	for _, tc := range []struct {
		list []*registry.Service
		want string
	}{
		{nil, "not found"},
		{[]*registry.Service{nil}, "a nil record"},
		{[]*registry.Service{{Version: "1", Nodes: []*registry.Node{nil, {ID: "b"}}}}, "1:a nil node,b"},
	} {
		if got := nodesOf(tc.list); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
