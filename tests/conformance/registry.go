// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/registry"
)

// RegistryRig is a registry under test, and a way to change its records.
type RegistryRig struct {
	// Registry is the registry under test. Before a test it must know the service
	// "known" with one node at 127.0.0.1:9001, whose id begins with "known-", and no
	// service whose name begins with "absent" or "suite".
	Registry registry.Registry
	// Registrar registers nodes that Registry then knows, at once or a moment later.
	// Nil if the registry cannot be changed.
	Registrar registry.Registrar
	// TTL is the shortest ttl that Registrar supports. 0 leaves out the clauses about
	// expiry.
	TTL time.Duration
}

// RegistryFactory makes a rig for one test. It must close what it opens when the test
// ends.
type RegistryFactory func(t *testing.T) RegistryRig

// Registry tests each clause of the contract of package registry, those of
// [registry.Registrar] if the rig has one, and those of [registry.Lister] if the
// registry implements it.
func Registry(t *testing.T, factory RegistryFactory) {
	t.Helper()
	for _, clause := range []struct {
		name string
		test func(*testing.T, RegistryRig)
	}{
		{"has a name", testRegistryName},
		{"finds what it knows", testRegistryFinds},
		{"says what it does not know", testRegistryNotFound},
		{"returns when the context has ended", testRegistryContext},
		{"a list is the caller's", testRegistryListIsOwn},
		{"a watch ends with its context", testRegistryWatchEnds},
		{"used by many goroutines", testRegistryConcurrency},
		{"Registrar: nodes come and go", testRegistrar},
		{"Registrar: registering again refreshes", testRegistrarAgain},
		{"Registrar: versions", testRegistrarVersions},
		{"Registrar: watchers hear of it", testRegistrarWatch},
		{"Registrar: nodes live as long as their ttl", testRegistrarTTL},
		{"Registrar: bad records are refused", testRegistrarRefuses},
		{"Lister: lists what it knows", testLister},
	} {
		t.Run(clause.name, func(t *testing.T) { clause.test(t, factory(t)) })
	}
}

func testRegistryName(t *testing.T, r RegistryRig) {
	if r.Registry.String() == "" {
		t.Error("got no name, want one")
	}
}

// bounded returns the context for one query.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// look returns the result of a lookup as text: ids by version, or "not found".
func (r RegistryRig) look(t *testing.T, service string) string {
	t.Helper()
	list, err := r.Registry.Lookup(bounded(t), service)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return "not found"
	case err != nil:
		t.Fatalf("Lookup of %s: %v", service, err)
	}
	return nodesOf(list)
}

// finally waits until a lookup of suite finds want.
func (r RegistryRig) finally(t *testing.T, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if got = r.look(t, "suite"); got == want {
			return
		}
	}
	t.Fatalf("got %q after %s, want %q", got, patience, want)
}

func testRegistryFinds(t *testing.T, r RegistryRig) {
	list, err := r.Registry.Lookup(bounded(t), "known")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name != "known" || len(list[0].Nodes) != 1 {
		t.Fatalf("got %d versions, %s, want one of known with one node", len(list), nodesOf(list))
	}
	if n := list[0].Nodes[0]; !strings.HasPrefix(n.ID, "known-") || n.Address != "127.0.0.1:9001" {
		t.Errorf("got %+v, want a node known-... at 127.0.0.1:9001", n)
	}
}

func testRegistryNotFound(t *testing.T, r RegistryRig) {
	list, err := r.Registry.Lookup(bounded(t), "absent")
	if len(list) != 0 || !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("got %v and %v, want ErrNotFound that names absent", list, err)
	}
}

func testRegistryContext(t *testing.T, r RegistryRig) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Registry.Lookup(ctx, "known"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup: got %v, want nil or %v", err, context.Canceled)
	}
	err := r.Registry.Watch(ctx, "known", func([]*registry.Service) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: got %v, want %v", err, context.Canceled)
	}
}

func testRegistryListIsOwn(t *testing.T, r RegistryRig) {
	want := r.look(t, "known")
	list, err := r.Registry.Lookup(bounded(t), "known")
	if err != nil {
		t.Fatal(err)
	}
	clear(list)
	if got := r.look(t, "known"); got != want {
		t.Errorf("got %q after a list was cleared, want %q", got, want)
	}
}

func testRegistryConcurrency(t *testing.T, r RegistryRig) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 50 {
				list, err := r.Registry.Lookup(ctx, "known")
				if err != nil || nodesOf(list) == "not found" {
					t.Errorf("got %s and %v, want a node", nodesOf(list), err)
					return
				}
			}
		})
		work.Go(func() {
			short, stop := context.WithCancel(ctx)
			stop()
			if err := r.Registry.Watch(short, "known", func([]*registry.Service) {}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		})
	}
	work.Wait()
}

func testLister(t *testing.T, r RegistryRig) {
	l, ok := r.Registry.(registry.Lister)
	if !ok {
		t.Skip("the registry is not a registry.Lister")
	}
	names := func() []string {
		all, err := l.List(bounded(t))
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("the registry behind it is not a registry.Lister")
		}
		if err != nil {
			t.Fatal(err)
		}
		names := make([]string, 0, len(all))
		for _, s := range all {
			names = append(names, s.Name)
		}
		if !slices.IsSorted(names) {
			t.Errorf("got %q, want them in their order", names)
		}
		return names
	}
	if got := names(); !slices.Contains(got, "known") || slices.Contains(got, "absent") {
		t.Errorf("got %q, want known and not absent", got)
	}
	if r.Registrar == nil {
		return
	}
	r.register(t, suite("1", "a"), 0)
	defer r.deregister(t, suite("1", "a"))
	for end := time.Now().Add(patience); !slices.Contains(names(), "suite"); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("got nothing in %s, want suite listed", patience)
		}
	}
}
