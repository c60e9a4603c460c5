// SPDX-License-Identifier: Apache-2.0

// Package record reads and writes the records that go-micro's registries keep:
// a [registry.Service] as JSON, byte for byte as go-micro writes it. Members are in
// the order of the fields, the keys of maps are sorted, nil maps and lists are
// null, and <, > and & are escaped.
//
// etcd and Consul keep one record for each node ([MarshalNode]); [Merge] merges
// these again.
package record

import (
	"encoding/json"
	"errors"
	"fmt"

	"example.com/mailcall/registry"
)

// Bounds of one record. A registry is shared, so its records are not trusted.
const (
	// MaxSize is how many bytes a record may have: 1 MiB, the largest message
	// that a NATS server takes by default, and below etcd's 1.5 MiB.
	MaxSize = 1 << 20
	// MaxNodes is how many nodes a service may have, over all its versions.
	MaxNodes = 10_000
	// MaxDepth is how deep the values of an endpoint may be nested. go-micro's
	// servers describe types three levels deep.
	MaxDepth = 32
)

// ErrTooLarge is matched by errors that report a record over one of the
// bounds.
var ErrTooLarge = errors.New("record too large")

// Marshal returns the record of s. It refuses what [Unmarshal] would refuse.
func Marshal(s *registry.Service) ([]byte, error) {
	if err := check(s); err != nil {
		return nil, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("registry record of %q: %w", s.Name, err)
	}
	if len(data) > MaxSize {
		return nil, tooLarge(s.Name, "bytes", len(data), MaxSize)
	}
	return data, nil
}

// Unmarshal reads a record. It refuses data over [MaxSize] before it looks at
// it, and records without a name, with a null among their nodes, endpoints or
// values, with a node without id or address, or over [MaxNodes] or [MaxDepth].
// Fields it does not know are skipped. It keeps no reference to data.
func Unmarshal(data []byte) (*registry.Service, error) {
	if len(data) > MaxSize {
		return nil, tooLarge("", "bytes", len(data), MaxSize)
	}
	var s *registry.Service
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("registry record: %w", err)
	}
	if err := check(s); err != nil {
		return nil, err
	}
	return s, nil
}

// check returns an error that says what is wrong with a record.
func check(s *registry.Service) error {
	switch {
	case s == nil:
		return errors.New("registry record: it is null, want a service")
	case s.Name == "":
		return errors.New("registry record: the service has no name")
	case len(s.Nodes) > MaxNodes:
		return tooLarge(s.Name, "nodes", len(s.Nodes), MaxNodes)
	}
	for i, n := range s.Nodes {
		if n == nil || n.ID == "" || n.Address == "" {
			return fmt.Errorf("registry record of %q: node %d of %d needs an id and an address", s.Name, i+1, len(s.Nodes))
		}
	}
	for i, e := range s.Endpoints {
		if e == nil {
			return fmt.Errorf("registry record of %q: endpoint %d of %d is null", s.Name, i+1, len(s.Endpoints))
		}
		for _, v := range []*registry.Value{e.Request, e.Response} {
			if v == nil {
				continue // unknown
			}
			if err := checkValue(s.Name, v, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkValue(service string, v *registry.Value, depth int) error {
	switch {
	case v == nil:
		return fmt.Errorf("registry record of %q: a value of an endpoint is null", service)
	case depth > MaxDepth:
		return tooLarge(service, "levels of values", depth, MaxDepth)
	}
	for _, field := range v.Values {
		if err := checkValue(service, field, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func tooLarge(service, what string, got, limit int) error {
	of := ""
	if service != "" {
		of = fmt.Sprintf(" of %q", service)
	}
	return fmt.Errorf("registry record%s has %d %s, at most %d are taken: %w", of, got, what, limit, ErrTooLarge)
}
