// SPDX-License-Identifier: Apache-2.0

package static_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/static"
)

func TestLookup(t *testing.T) {
	r := static.New("greeter", "127.0.0.1:9000", "127.0.0.1:9001", "127.0.0.1:9000")
	got, err := r.Lookup(t.Context(), "greeter")
	if err != nil || len(got) != 1 || got[0].Name != "greeter" || len(got[0].Nodes) != 2 {
		t.Fatalf("got %v, %v, want one record with two nodes", got, err)
	}
	for i, address := range []string{"127.0.0.1:9000", "127.0.0.1:9001"} {
		n := got[0].Nodes[i]
		if n.Address != address || n.ID != "greeter-"+address || n.Metadata["protocol"] != "mucp" {
			t.Errorf("got %+v, want address %s, id greeter-%s, protocol mucp", n, address, address)
		}
	}
}

func TestLookupOfUnknownServiceNamesIt(t *testing.T) {
	for _, r := range []*static.Registry{static.New("greeter", "a:1"), {}} {
		got, err := r.Lookup(t.Context(), "billing")
		if got != nil || !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), `"billing"`) {
			t.Errorf("got %v, %v, want ErrNotFound that names billing", got, err)
		}
	}
}

func TestServiceWithoutAddressIsKnown(t *testing.T) {
	got, err := static.New("greeter").Lookup(t.Context(), "greeter")
	if err != nil || len(got) != 1 || len(got[0].Nodes) != 0 {
		t.Errorf("got %v, %v, want one record without nodes", got, err)
	}
}

func TestOf(t *testing.T) {
	r := static.Of(map[string][]string{"greeter": {"a:1"}, "billing": {"b:1", "b:2"}})
	for name, want := range map[string]int{"greeter": 1, "billing": 2} {
		got, err := r.Lookup(t.Context(), name)
		if err != nil || len(got) != 1 || len(got[0].Nodes) != want {
			t.Errorf("%s: got %v, %v, want %d nodes", name, got, err, want)
		}
	}
	if got := r.String(); got != "static" {
		t.Errorf("got %q, want %q", got, "static")
	}
}

func TestLookupReturnsASliceOfTheCaller(t *testing.T) {
	r := static.New("greeter", "a:1")
	first, err := r.Lookup(t.Context(), "greeter")
	if err != nil {
		t.Fatal(err)
	}
	first[0] = nil
	if again, err := r.Lookup(t.Context(), "greeter"); err != nil || again[0] == nil {
		t.Errorf("got %v, %v, want the record as it was", again, err)
	}
}

func TestWatchBlocksUntilContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- static.New("greeter", "a:1").Watch(ctx, "greeter", func([]*registry.Service) {
			t.Error("got a call of changed, want none")
		})
	}()
	select {
	case err := <-done:
		t.Errorf("got %v before the context ended, want it to wait", err)
	default:
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestList(t *testing.T) {
	list, err := static.Of(map[string][]string{"greeter": {"a:1"}, "billing": nil, "archive": {"b:1"}}).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, s.Name)
	}
	if want := "archive billing greeter"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if list, err := (&static.Registry{}).List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %v and %v, want nothing", list, err)
	}
}
