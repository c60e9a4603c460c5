// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"slices"
	"strings"

	"example.com/mailcall/registry"
)

// nodesOf writes "1:a,b 2:c"; a list without any node is "not found", which a
// registry may say as well when the last node has gone.
func nodesOf(list []*registry.Service) string {
	var all []string
	for _, s := range list {
		if s == nil {
			all = append(all, "a nil record")
			continue
		}
		var ids []string
		for _, n := range s.Nodes {
			if n == nil {
				n = &registry.Node{ID: "a nil node"}
			}
			ids = append(ids, n.ID)
		}
		slices.Sort(ids)
		if len(ids) > 0 {
			all = append(all, s.Version+":"+strings.Join(ids, ","))
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return "not found"
	}
	return strings.Join(all, " ")
}
