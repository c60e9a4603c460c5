// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/record"
)

// event is a query or a notification: an action and the record that it is about.
type event struct {
	Service json.RawMessage `json:"Service"`
	Action  string          `json:"Action"`
}

// writeEvent returns an encoded event; "list" has no service.
func writeEvent(s *registry.Service, action string) ([]byte, error) {
	e := event{Service: json.RawMessage("null"), Action: action}
	if s != nil || action != actionList {
		data, err := record.Marshal(s)
		if err != nil {
			return nil, err
		}
		e.Service = data
	}
	return json.Marshal(e)
}

// readEvent decodes an event. The service is nil if it has none.
func readEvent(data []byte) (s *registry.Service, action string, err error) {
	var e event
	if len(data) > record.MaxSize {
		return nil, "", fmt.Errorf("registry event of %d bytes: %w", len(data), record.ErrTooLarge)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, "", fmt.Errorf("registry event: %w", err)
	}
	if len(e.Service) > 0 && !bytes.Equal(e.Service, []byte("null")) {
		if s, err = record.Unmarshal(e.Service); err != nil {
			return nil, "", err
		}
	}
	if s == nil && e.Action != actionList {
		return nil, "", errors.New("registry event: it has no service")
	}
	return s, e.Action, nil
}

// with returns list with the nodes of s added: a known node moves to the version of s,
// and the metadata and endpoints of s replace those of the version. Records are
// replaced, never modified.
func with(list []*registry.Service, s *registry.Service) []*registry.Service {
	fresh := *s
	fresh.Nodes = slices.Clone(s.Nodes)
	out, placed := without(list, s), false
	for i, old := range out {
		if old.Version == s.Version {
			fresh.Nodes = append(slices.Clone(old.Nodes), fresh.Nodes...)
			out[i], placed = &fresh, true
		}
	}
	if !placed {
		out = append(out, &fresh)
	}
	return out
}

// without returns list without the nodes of s. A version is removed with its last node;
// the list is nil if none is left.
func without(list []*registry.Service, s *registry.Service) []*registry.Service {
	gone := make(map[string]bool, len(s.Nodes))
	for _, n := range s.Nodes {
		gone[n.ID] = true
	}
	var out []*registry.Service
	for _, old := range list {
		left := slices.DeleteFunc(slices.Clone(old.Nodes), func(n *registry.Node) bool { return gone[n.ID] })
		switch {
		case len(left) == len(old.Nodes):
			out = append(out, old)
		case len(left) > 0:
			kept := *old
			kept.Nodes = left
			out = append(out, &kept)
		}
	}
	return out
}

// bounded returns an error if the records have more nodes than a service may have. A
// version without nodes counts as one node.
func bounded(name string, list []*registry.Service) error {
	nodes := 0
	for _, version := range list {
		nodes += max(len(version.Nodes), 1)
	}
	if nodes > record.MaxNodes {
		return fmt.Errorf("service %q would have %d nodes, at most %d: %w", name, nodes, record.MaxNodes, record.ErrTooLarge)
	}
	return nil
}

func sortServices(list []*registry.Service) {
	slices.SortFunc(list, func(a, b *registry.Service) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}
