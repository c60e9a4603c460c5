// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"

	"example.com/mailcall/registry"
)

// MarshalNode returns the record of s with n as its only node, the form in
// which registries with a key for each node keep it. n need not be one of the
// nodes of s.
func MarshalNode(s *registry.Service, n *registry.Node) ([]byte, error) {
	if s == nil {
		return Marshal(nil)
	}
	one := *s
	one.Nodes = []*registry.Node{n}
	return Marshal(&one)
}

// UnmarshalNode reads a record that must have exactly one node.
func UnmarshalNode(data []byte) (*registry.Service, error) {
	s, err := Unmarshal(data)
	if err != nil {
		return nil, err
	}
	if len(s.Nodes) != 1 {
		return nil, fmt.Errorf("registry record of %q: got %d nodes in the record of one node", s.Name, len(s.Nodes))
	}
	return s, nil
}

// Merge merges records into one for each name and version, in the order in which
// these appear. Metadata and endpoints are those of the first record of a version.
// If the id of a node appears several times, in any versions of the name, only the
// first one is taken. The records and their nodes are not modified; nil records
// are skipped. The error matches [ErrTooLarge] if a service has more than
// [MaxNodes] nodes.
func Merge(records []*registry.Service) ([]*registry.Service, error) {
	type version struct{ name, version string }
	type node struct{ name, id string }
	var (
		merged []*registry.Service
		at     = make(map[version]*registry.Service)
		seen   = make(map[node]bool)
		count  = make(map[string]int)
	)
	for _, r := range records {
		if r == nil {
			continue
		}
		s := at[version{r.Name, r.Version}]
		if s == nil {
			first := *r
			first.Nodes = nil
			s = &first
			at[version{r.Name, r.Version}] = s
			merged = append(merged, s)
		}
		for _, n := range r.Nodes {
			if n == nil || seen[node{r.Name, n.ID}] {
				continue
			}
			if count[r.Name]++; count[r.Name] > MaxNodes {
				return nil, tooLarge(r.Name, "nodes", count[r.Name], MaxNodes)
			}
			seen[node{r.Name, n.ID}] = true
			s.Nodes = append(s.Nodes, n)
		}
	}
	return merged, nil
}
