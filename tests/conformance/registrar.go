// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/registry"
)

// suite returns a service with nodes of these ids.
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
