// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"

	"example.com/mailcall/registry"
)

// merge returns old with the record added, see [Registry.Add]. Neither old nor its
// records are modified.
func merge(old []*registry.Service, add *registry.Service) []*registry.Service {
	next := *add
	next.Nodes = nil
	placed := false
	list := make([]*registry.Service, 0, len(old)+1)
	for _, s := range old {
		if s.Version == add.Version {
			placed = true
			next.Nodes = slices.Clone(s.Nodes)
			list = append(list, &next)
			continue
		}
		// A node that is in the new version is removed from its old one.
		if left := drop(s, add.Nodes); left != nil {
			list = append(list, left)
		}
	}
	for _, n := range add.Nodes {
		next.Nodes = put(next.Nodes, n)
	}
	if !placed {
		list = append(list, &next)
	}
	return list
}

// put replaces the node of the same id or appends n. It modifies nodes.
func put(nodes []*registry.Node, n *registry.Node) []*registry.Node {
	if i := slices.IndexFunc(nodes, func(have *registry.Node) bool { return have.ID == n.ID }); i >= 0 {
		nodes[i] = n
		return nodes
	}
	return append(nodes, n)
}

// drop returns s without the given nodes: s itself if it has none of them, nil if
// it has no others.
func drop(s *registry.Service, gone []*registry.Node) *registry.Service {
	var kept []*registry.Node
	for _, n := range s.Nodes {
		if !slices.ContainsFunc(gone, func(g *registry.Node) bool { return g.ID == n.ID }) {
			kept = append(kept, n)
		}
	}
	switch {
	case len(kept) == len(s.Nodes):
		return s
	case len(kept) == 0:
		return nil
	}
	next := *s
	next.Nodes = kept
	return &next
}

// without returns old without the node, nil if nothing is left, and whether the
// node was there.
func without(old []*registry.Service, nodeID string) (left []*registry.Service, found bool) {
	gone := []*registry.Node{{ID: nodeID}}
	for _, s := range old {
		next := drop(s, gone)
		found = found || next != s
		if next != nil {
			left = append(left, next)
		}
	}
	return left, found
}
