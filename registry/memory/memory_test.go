// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
)

func node(id string) *registry.Node {
	return &registry.Node{ID: id, Address: id + ":1", Metadata: map[string]string{"protocol": "mucp"}}
}

func service(version string, ids ...string) *registry.Service {
	s := &registry.Service{Name: "greeter", Version: version}
	for _, id := range ids {
		s.Nodes = append(s.Nodes, node(id))
	}
	return s
}

// show writes a list as "1:a,b 2:c".
func show(list []*registry.Service) string {
	var out []string
	for _, s := range list {
		var ids []string
		for _, n := range s.Nodes {
			ids = append(ids, n.ID)
		}
		out = append(out, s.Version+":"+strings.Join(ids, ","))
	}
	return strings.Join(out, " ")
}

func lookup(t *testing.T, r *memory.Registry) string {
	t.Helper()
	list, err := r.Lookup(t.Context(), "greeter")
	if err != nil {
		if !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), `"greeter"`) {
			t.Errorf("got %v, want ErrNotFound that names greeter", err)
		}
		return "not found"
	}
	return show(list)
}

func register(t *testing.T, r *memory.Registry, s *registry.Service) {
	t.Helper()
	if err := r.Add(s); err != nil {
		t.Fatal(err)
	}
}

func deregister(t *testing.T, r *memory.Registry, id string) {
	t.Helper()
	if err := r.Remove("greeter", id); err != nil {
		t.Fatal(err)
	}
}

func TestRegisterAndDeregister(t *testing.T) {
	r := memory.New()
	if got := r.String(); got != "memory" {
		t.Errorf("got %q, want %q", got, "memory")
	}
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"empty", func() {}, "not found"},
		{"known without nodes", func() { register(t, r, service("1")) }, "1:"},
		{"first node", func() { register(t, r, service("1", "a")) }, "1:a"},
		{"second node", func() { register(t, r, service("1", "b")) }, "1:a,b"},
		{"same node again", func() { register(t, r, service("1", "a")) }, "1:a,b"},
		{"another version", func() { register(t, r, service("2", "c", "d")) }, "1:a,b 2:c,d"},
		{"node moves to it", func() { register(t, r, service("2", "a")) }, "1:b 2:c,d,a"},
		{"last node of a version", func() { deregister(t, r, "b") }, "2:c,d,a"},
		{"node in the middle", func() { deregister(t, r, "d") }, "2:c,a"},
		{"whole service", func() { deregister(t, r, "") }, "not found"},
		{"back again", func() { register(t, r, service("1", "a")) }, "1:a"},
		{"last node of the service", func() { deregister(t, r, "a") }, "not found"},
	} {
		step.do()
		if got := lookup(t, r); got != step.want {
			t.Fatalf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
}

func TestZeroValueIsReady(t *testing.T) {
	var r memory.Registry
	if got := lookup(t, &r); got != "not found" {
		t.Errorf("got %q, want nothing", got)
	}
	register(t, &r, service("1", "a"))
	if got := lookup(t, &r); got != "1:a" {
		t.Errorf("got %q, want %q", got, "1:a")
	}
}

func TestNodeIsReplaced(t *testing.T) {
	r := memory.New(service("1", "a"))
	register(t, r, &registry.Service{Name: "greeter", Version: "1", Nodes: []*registry.Node{{ID: "a", Address: "new:1"}}})
	got, err := r.Lookup(t.Context(), "greeter")
	if err != nil || len(got) != 1 || len(got[0].Nodes) != 1 || got[0].Nodes[0].Address != "new:1" {
		t.Errorf("got %v, %v, want one node at new:1", show(got), err)
	}
}

func TestRecordsHandedOutAreNotChanged(t *testing.T) {
	r := memory.New(service("1", "a"))
	before, err := r.Lookup(t.Context(), "greeter")
	if err != nil {
		t.Fatal(err)
	}
	register(t, r, service("1", "b"))
	register(t, r, service("2", "a"))
	if got := show(before); got != "1:a" {
		t.Errorf("got %q, want %q as it was handed out", got, "1:a")
	}
	before[0] = nil
	if got := lookup(t, r); got != "1:b 2:a" {
		t.Errorf("got %q, want %q", got, "1:b 2:a")
	}
}

func TestRegisterRefuses(t *testing.T) {
	bad := []*registry.Service{
		nil, {}, {Name: "greeter", Nodes: []*registry.Node{nil}},
		{Name: "greeter", Nodes: []*registry.Node{{ID: "a"}}},
		{Name: "greeter", Nodes: []*registry.Node{{Address: "a:1"}}},
	}
	r := memory.New(bad...)
	for _, s := range bad {
		if err := r.Add(s); err == nil {
			t.Errorf("got no error for %+v, want one", s)
		}
	}
	if got := lookup(t, r); got != "not found" {
		t.Errorf("got %q, want nothing registered", got)
	}
}

func TestDeregisterOfNothing(t *testing.T) {
	r := memory.New(service("1", "a"))
	if err := r.Remove("billing", "a"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound for a service", err)
	}
	if err := r.Remove("greeter", "z"); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), `"z"`) {
		t.Errorf("got %v, want ErrNotFound that names the node", err)
	}
}

func TestLookupWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memory.New(service("1", "a")).Lookup(ctx, "greeter"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// watch starts a watch and returns its lists; it ends with the test.
func watch(t *testing.T, r *memory.Registry) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	lists, done := make(chan string), make(chan error, 1)
	go func() {
		done <- r.Watch(ctx, "greeter", func(list []*registry.Service) {
			text := show(list)
			if list == nil {
				text = "gone"
			}
			select {
			case lists <- text:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from Watch, want context.Canceled", err)
		}
	})
	return lists
}

func TestWatch(t *testing.T) {
	r := memory.New()
	first, second := watch(t, r), watch(t, r)
	both := func(want string) {
		t.Helper()
		for _, lists := range []<-chan string{first, second} {
			if got := <-lists; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	both("gone")
	register(t, r, service("1", "a"))
	both("1:a")
	register(t, r, &registry.Service{Name: "billing"})
	register(t, r, service("1", "a")) // equal, so not a change
	register(t, r, service("2", "b"))
	both("1:a 2:b")
	deregister(t, r, "")
	both("gone")
}

func TestSlowWatcherGetsTheLatestOnly(t *testing.T) {
	r := memory.New(service("1", "a"))
	ctx, cancel := context.WithCancel(t.Context())
	entered, proceed := make(chan struct{}), make(chan struct{})
	var got []string
	done := make(chan error, 1)
	go func() {
		done <- r.Watch(ctx, "greeter", func(list []*registry.Service) {
			got = append(got, show(list))
			entered <- struct{}{}
			<-proceed
		})
	}()
	<-entered
	for _, id := range []string{"b", "c", "d", "e"} {
		register(t, r, service("1", id))
	}
	proceed <- struct{}{}
	<-entered
	cancel()
	register(t, r, service("1", "f")) // after the end: nobody hears of it
	proceed <- struct{}{}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if want := []string{"1:a", "1:a,b,c,d,e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWatchWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := memory.New().Watch(ctx, "greeter", func([]*registry.Service) { t.Error("got a call, want none") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := memory.New().Watch(t.Context(), "greeter", nil); err == nil {
		t.Error("got no error for a nil function, want one")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := memory.New()
	lists := watch(t, r)
	done := make(chan struct{})
	for _, id := range []string{"a", "b", "c", "d"} {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				if err := r.Add(service("1", id)); err != nil {
					t.Error(err)
				}
				if _, err := r.Lookup(context.Background(), "greeter"); err != nil {
					t.Error(err)
				}
				if err := r.Remove("greeter", id); err != nil {
					t.Error(err)
				}
			}
			if err := r.Add(service("1", id)); err != nil {
				t.Error(err)
			}
		}()
	}
	for range 4 {
		<-done
	}
	// Whatever was skipped, the last list comes.
	for got := range lists {
		if len(got) == len("1:a,b,c,d") {
			return
		}
	}
}
