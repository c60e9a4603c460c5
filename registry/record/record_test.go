// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/record"
)

func fixture(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/registry-service.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The record that a go-micro server wrote comes out as it went in.
func TestFixtureRoundTrips(t *testing.T) {
	want := fixture(t)
	s, err := record.Unmarshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.Marshal(s)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
	if s.Name != "greeter" || s.Version != "1.0.0" || s.Metadata != nil || len(s.Endpoints) != 2 {
		t.Errorf("got %+v, want version 1.0.0 of greeter with two endpoints", s)
	}
	if e := s.Endpoints[0]; e.Name != "Greeter.Bidi" || e.Metadata["stream"] != "true" {
		t.Errorf("got %+v, want the stream Greeter.Bidi", e)
	}
	if n := s.Nodes[0]; n.ID != "greeter-1" || n.Address != "127.0.0.1:9000" || n.Metadata["protocol"] != "mucp" {
		t.Errorf("got %+v, want greeter-1 at 127.0.0.1:9000", n)
	}
}

func TestFixtureAsTheRecordOfANode(t *testing.T) {
	want := fixture(t)
	s, err := record.UnmarshalNode(want)
	if err != nil {
		t.Fatal(err)
	}
	node := s.Nodes[0]
	s.Nodes = append(s.Nodes, &registry.Node{ID: "greeter-2", Address: "127.0.0.1:9001"})
	got, err := record.MarshalNode(s, node)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
	if len(s.Nodes) != 2 {
		t.Errorf("got %d nodes, want the record unchanged", len(s.Nodes))
	}
	both, err := record.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.UnmarshalNode(both); err == nil || !strings.Contains(err.Error(), "2 nodes") {
		t.Errorf("got %v for a record of two nodes, want an error that says so", err)
	}
	for _, bad := range []func() ([]byte, error){
		func() ([]byte, error) { return record.MarshalNode(nil, node) },
		func() ([]byte, error) { return record.MarshalNode(s, nil) },
	} {
		if data, err := bad(); err == nil {
			t.Errorf("got %s, want an error", data)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, tc := range []struct {
		name string
		from *registry.Service
		want string
	}{
		{
			"what a query carries", &registry.Service{Name: "greeter"},
			`{"name":"greeter","version":"","metadata":null,"endpoints":null,"nodes":null}`,
		},
		{
			"empty is not null",
			&registry.Service{Name: "a", Metadata: map[string]string{}, Endpoints: []*registry.Endpoint{}, Nodes: []*registry.Node{}},
			`{"name":"a","version":"","metadata":{},"endpoints":[],"nodes":[]}`,
		},
		{
			"keys are sorted and text is escaped",
			&registry.Service{Name: "a", Metadata: map[string]string{"z": "<&>", "b": "ä\""}},
			`{"name":"a","version":"","metadata":{"b":"ä\"","z":"\u003c\u0026\u003e"},"endpoints":null,"nodes":null}`,
		},
		{
			"unknown types",
			&registry.Service{Name: "a", Endpoints: []*registry.Endpoint{{Name: "A.B"}}},
			`{"name":"a","version":"","metadata":null,"endpoints":[{"request":null,"response":null,"metadata":null,"name":"A.B"}],"nodes":null}`,
		},
	} {
		got, err := record.Marshal(tc.from)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %s and %v, want %s", tc.name, got, err, tc.want)
			continue
		}
		back, err := record.Unmarshal(got)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if again, err := record.Marshal(back); err != nil || string(again) != tc.want {
			t.Errorf("%s: got %s and %v the second time, want %s", tc.name, again, err, tc.want)
		}
	}
}

func deep(levels int) string {
	return strings.Repeat(`{"name":"a","type":"b","values":[`, levels) + strings.Repeat(`]}`, levels)
}

func TestRefuses(t *testing.T) {
	many := strings.Repeat(`{"id":"a","address":"b"},`, record.MaxNodes) + `{"id":"a","address":"b"}`
	for _, tc := range []struct {
		name, data string
		large      bool
	}{
		{"nothing", "", false},
		{"null", "null", false},
		{"a list", "[]", false},
		{"two records", `{"name":"a"}{"name":"b"}`, false},
		{"no name", `{"version":"1"}`, false},
		{"null node", `{"name":"a","nodes":[null]}`, false},
		{"node without id", `{"name":"a","nodes":[{"address":"b"}]}`, false},
		{"node without address", `{"name":"a","nodes":[{"id":"b"}]}`, false},
		{"null endpoint", `{"name":"a","endpoints":[null]}`, false},
		{"null value", `{"name":"a","endpoints":[{"request":{"values":[null]}}]}`, false},
		{"metadata that is no text", `{"name":"a","metadata":{"a":1}}`, false},
		{"too deep", `{"name":"a","endpoints":[{"response":` + deep(record.MaxDepth+1) + `}]}`, true},
		{"too many nodes", `{"name":"a","nodes":[` + many + `]}`, true},
		{"too many bytes", `{"name":"a"}` + strings.Repeat(" ", record.MaxSize), true},
	} {
		s, err := record.Unmarshal([]byte(tc.data))
		if err == nil || errors.Is(err, record.ErrTooLarge) != tc.large {
			t.Errorf("%s: got %v and %v, want an error, of size: %t", tc.name, s, err, tc.large)
		}
	}
	long := &registry.Service{Name: strings.Repeat("a", record.MaxSize)}
	if _, err := record.Marshal(long); !errors.Is(err, record.ErrTooLarge) {
		t.Errorf("got %v from Marshal, want ErrTooLarge", err)
	}
	if _, err := record.Unmarshal([]byte(`{"name":"a","endpoints":[{"request":` + deep(record.MaxDepth) + `}]}`)); err != nil {
		t.Errorf("got %v, want %d levels taken", err, record.MaxDepth)
	}
}

func one(name, version, id, label string) *registry.Service {
	return &registry.Service{
		Name: name, Version: version, Metadata: map[string]string{"label": label},
		Nodes: []*registry.Node{{ID: id, Address: label + ":1"}},
	}
}

func TestMerge(t *testing.T) {
	records := []*registry.Service{
		one("greeter", "1", "a", "first"), one("greeter", "2", "b", "x"), nil, one("greeter", "1", "c", "y"),
		one("billing", "1", "a", "z"), one("greeter", "1", "a", "again"), one("greeter", "2", "a", "again"), {Name: "empty"},
	}
	got, err := record.Merge(records)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, s := range got {
		line := s.Name + " " + s.Version + " " + s.Metadata["label"] + ":"
		for _, n := range s.Nodes {
			line += " " + n.ID + "@" + n.Address
		}
		text = append(text, line)
	}
	want := []string{"greeter 1 first: a@first:1 c@y:1", "greeter 2 x: b@x:1", "billing 1 z: a@z:1", "empty  :"}
	if fmt.Sprint(text) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", text, want)
	}
	if len(records[0].Nodes) != 1 {
		t.Error("got a record changed, want them as they were")
	}
}

func TestMergeIsBounded(t *testing.T) {
	var records []*registry.Service
	for i := range record.MaxNodes + 1 {
		records = append(records, one("greeter", fmt.Sprint(i%3), fmt.Sprint(i), "a"))
	}
	if got, err := record.Merge(records[1:]); err != nil || len(got) != 3 {
		t.Errorf("got %d and %v, want three versions", len(got), err)
	}
	if _, err := record.Merge(records); !errors.Is(err, record.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// What is taken can be written, and is the same when it is read again.
func FuzzUnmarshal(f *testing.F) {
	f.Add(fixture(f))
	f.Add([]byte(`{"name":"a","version":"1","metadata":{"k":"v"},"endpoints":[],"nodes":null}`))
	f.Add([]byte(`{"name":"a","nodes":[null]}`))
	f.Add([]byte(`{"NAME":"\ud800","endpoints":[{"request":` + deep(3) + `}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := record.Unmarshal(data)
		if err != nil {
			return
		}
		first, err := record.Marshal(s)
		if errors.Is(err, record.ErrTooLarge) {
			return // escapes made it longer
		}
		if err != nil {
			t.Fatalf("got %v for %+v, which was read", err, s)
		}
		again, err := record.Unmarshal(first)
		if err != nil {
			t.Fatalf("got %v for %s, which was written", err, first)
		}
		if second, err := record.Marshal(again); err != nil || !bytes.Equal(second, first) {
			t.Fatalf("got %s and %v, want %s", second, err, first)
		}
		if _, err := record.Merge([]*registry.Service{s, again}); err != nil && !errors.Is(err, record.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}
