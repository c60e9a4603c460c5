// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/registry"
)

// RegistryRig is a registry under test, with the way to change what it knows.
type RegistryRig struct {
	// Registry is what is tested. Before a test it knows the service "known"
	// with one node at 127.0.0.1:9001, whose id begins with "known-", and nothing else that begins
	// with "absent" or "suite".
	Registry registry.Registry
	// Registrar announces nodes that Registry then knows, at once or a moment
	// later. Nil for registries that nobody can change.
	Registrar registry.Registrar
	// TTL is the shortest for which Registrar lets nodes live. 0 leaves out
	// the clauses of it.
	TTL time.Duration
}

// RegistryFactory makes a rig for one test. What it opens it closes with the
// test.
type RegistryFactory func(t *testing.T) RegistryRig

// Registry runs the contract of package registry, clause by clause. Clauses of
// [registry.Registrar] are run where the rig has one, those of
// [registry.Lister] where the registry is one.
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

// bounded is a context for one question.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// look writes down what a lookup finds: ids by version, or "not found".
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

// observed is a watch that runs.
type observed struct {
	lists chan string
	stop  func() error
}

// observe begins a watch. It ends at the latest with the test.
func (r RegistryRig) observe(t *testing.T, service string) *observed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := &observed{lists: make(chan string)}
	result := make(chan error, 1)
	var calls sync.Mutex
	go func() {
		result <- r.Registry.Watch(ctx, service, func(list []*registry.Service) {
			if !calls.TryLock() {
				t.Error("got two calls at a time, want one after the other")
				return
			}
			defer calls.Unlock()
			select {
			case o.lists <- nodesOf(list):
			case <-ctx.Done():
			}
		})
	}()
	o.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-result:
			return err
		case <-time.After(patience):
			return fmt.Errorf("the watch goes on %s after its context ended", patience)
		}
	})
	t.Cleanup(func() { _ = o.stop() })
	return o
}

// finally waits until the watch tells want.
func (o *observed) finally(t *testing.T, want string) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	last := "nothing"
	for last != want {
		select {
		case last = <-o.lists:
		case <-timer.C:
			t.Fatalf("got %q from the watch in %s, want %q", last, patience, want)
		}
	}
}

func testRegistryWatchEnds(t *testing.T, r RegistryRig) {
	for _, service := range []string{"known", "absent"} {
		if err := r.observe(t, service).stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", service, err, context.Canceled)
		}
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

// suite is a service with nodes of these ids.
func suite(version string, ids ...string) *registry.Service {
	s := &registry.Service{Name: "suite", Version: version}
	for i, id := range ids {
		s.Nodes = append(s.Nodes, &registry.Node{
			ID: "suite-" + id, Address: fmt.Sprintf("127.0.0.1:%d", 9100+i), Metadata: map[string]string{"protocol": "mucp"},
		})
	}
	return s
}

func (r RegistryRig) register(t *testing.T, s *registry.Service, ttl time.Duration) {
	t.Helper()
	if err := r.Registrar.Register(bounded(t), s, ttl); err != nil {
		t.Fatalf("Register: %v", err)
	}
}

func (r RegistryRig) deregister(t *testing.T, s *registry.Service) {
	t.Helper()
	if err := r.Registrar.Deregister(bounded(t), s); err != nil {
		t.Fatalf("Deregister: %v", err)
	}
}

func (r RegistryRig) needRegistrar(t *testing.T) {
	t.Helper()
	if r.Registrar == nil {
		t.Skip("nobody can change the registry")
	}
}

func testRegistrar(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	r.register(t, suite("1", "a"), 0)
	r.finally(t, "1:suite-a")
	r.register(t, suite("1", "b"), 0)
	r.finally(t, "1:suite-a,suite-b")
	r.deregister(t, suite("1", "a"))
	r.finally(t, "1:suite-b")
	r.deregister(t, suite("1", "a")) // it is not there any more
	r.deregister(t, suite("1", "b"))
	r.finally(t, "not found")
	r.deregister(t, suite("1", "b"))
	r.register(t, suite("1", "b"), 0)
	r.finally(t, "1:suite-b")
	r.deregister(t, suite("1", "b"))
}

func testRegistrarAgain(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	s := suite("1", "a")
	r.register(t, s, 0)
	moved := suite("1", "a")
	moved.Nodes[0].Address = "127.0.0.1:9999"
	moved.Metadata = map[string]string{"owner": "suite"}
	for range 3 {
		r.register(t, moved, 0)
	}
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		list, err := r.Registry.Lookup(bounded(t), "suite")
		if err != nil {
			t.Fatal(err)
		}
		if nodesOf(list) == "1:suite-a" && list[0].Nodes[0].Address == "127.0.0.1:9999" && list[0].Metadata["owner"] == "suite" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("got %s, %+v, want one node at the new address, and the new metadata", nodesOf(list), list[0])
		}
	}
	r.deregister(t, s)
	r.finally(t, "not found")
}

func testRegistrarVersions(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	r.register(t, suite("1", "a", "b"), 0)
	r.register(t, suite("2", "c"), 0)
	r.finally(t, "1:suite-a,suite-b 2:suite-c")
	r.deregister(t, suite("1", "a", "b"))
	r.finally(t, "2:suite-c")
	r.deregister(t, suite("2", "c"))
}

func testRegistrarWatch(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	r.register(t, suite("1", "a"), 0)
	first, second := r.observe(t, "suite"), r.observe(t, "suite")
	both := func(want string) {
		first.finally(t, want)
		second.finally(t, want)
	}
	// The watch may begin any moment, so the change is made until it is seen.
	for _, step := range []struct{ id, want string }{
		{"x0", "1:suite-a,suite-x0"}, {"x1", "1:suite-a,suite-x0,suite-x1"},
	} {
		s := suite("1", step.id)
		seen := make(chan struct{})
		var work sync.WaitGroup
		work.Go(func() {
			for {
				select {
				case <-seen:
					return
				default:
					r.register(t, s, 0)
					runtime.Gosched()
				}
			}
		})
		both(step.want)
		close(seen)
		work.Wait()
	}
	r.deregister(t, suite("1", "x0", "x1"))
	both("1:suite-a")
	r.deregister(t, suite("1", "a"))
	both("not found")
	for _, o := range []*observed{first, second} {
		if err := o.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
}

func testRegistrarTTL(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	if r.TTL == 0 {
		t.Skip("the rig has no ttl that a test can wait for")
	}
	r.register(t, suite("1", "a"), 0)
	r.register(t, suite("1", "b"), time.Hour)
	r.register(t, suite("1", "c", "d"), r.TTL)
	r.register(t, suite("1", "d"), time.Hour) // lives longer after all
	r.finally(t, "1:suite-a,suite-b,suite-d")
	r.register(t, suite("1", "b"), r.TTL) // and this one shorter
	r.finally(t, "1:suite-a,suite-d")
	r.deregister(t, suite("1", "a", "d"))
	r.finally(t, "not found")
}

func testRegistrarRefuses(t *testing.T, r RegistryRig) {
	r.needRegistrar(t)
	for name, s := range map[string]*registry.Service{
		"no record":      nil,
		"no name":        {Nodes: suite("1", "a").Nodes},
		"no nodes":       suite("1"),
		"nil node":       {Name: "suite", Nodes: []*registry.Node{nil}},
		"node, no id":    {Name: "suite", Nodes: []*registry.Node{{Address: "127.0.0.1:1"}}},
		"node, no place": {Name: "suite", Nodes: []*registry.Node{{ID: "suite-a"}}},
	} {
		if err := r.Registrar.Register(bounded(t), s, 0); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	if err := r.Registrar.Register(bounded(t), suite("1", "a"), -time.Second); err == nil {
		t.Error("got no error for a negative ttl, want one")
	}
	if got := r.look(t, "suite"); got != "not found" {
		t.Errorf("got %q, want nothing registered", got)
	}
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
