// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
)

// virtual is a clock that moves when it is told to. Its one timer fires then,
// unless late is set.
type virtual struct {
	clock.Clock
	mu    sync.Mutex
	now   clock.Instant
	due   clock.Instant // 0: not armed
	late  bool
	fires func()
}

func newVirtual() *virtual { return &virtual{now: clock.Instant(time.Second)} }

func (v *virtual) Now() clock.Instant {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *virtual) Timer(f func()) clock.Timer {
	v.fires = f
	return v
}

func (v *virtual) Reset(at clock.Instant) { v.set(at) }

func (v *virtual) Stop() { v.set(0) }

func (v *virtual) set(due clock.Instant) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.due = due
}

func (v *virtual) pass(d time.Duration) {
	v.mu.Lock()
	v.now = v.now.Add(d)
	fire := v.due != 0 && v.now >= v.due && !v.late
	if fire {
		v.due = 0
	}
	v.mu.Unlock()
	if fire {
		v.fires()
	}
}

func announce(t *testing.T, r *memory.Registry, s *registry.Service, ttl time.Duration) {
	t.Helper()
	if err := r.Register(t.Context(), s, ttl); err != nil {
		t.Fatal(err)
	}
}

func TestNodesExpire(t *testing.T) {
	for _, late := range []bool{false, true} {
		v := newVirtual()
		v.late = late
		r := memory.NewWithClock(v)
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"for a minute and for ever", func() {
				announce(t, r, service("1", "a"), time.Minute)
				announce(t, r, service("2", "b"), time.Hour)
				announce(t, r, service("2", "c"), 0)
			}, "1:a 2:b,c"},
			{"just before", func() { v.pass(time.Minute - 1) }, "1:a 2:b,c"},
			{"refreshed", func() { announce(t, r, service("1", "a"), time.Minute) }, "1:a 2:b,c"},
			{"the first minute is over", func() { v.pass(time.Second) }, "1:a 2:b,c"},
			{"the second too", func() { v.pass(time.Minute) }, "2:b,c"},
			{"for ever after all", func() { announce(t, r, service("2", "b"), 0) }, "2:b,c"},
			{"an hour later", func() { v.pass(time.Hour) }, "2:b,c"},
			{"for a time after all", func() { announce(t, r, service("2", "b", "c"), time.Second) }, "2:b,c"},
			{"moved to another version", func() { announce(t, r, service("3", "c"), time.Minute) }, "2:b 3:c"},
			{"only the move counts", func() { v.pass(time.Second) }, "3:c"},
			{"by the short form for ever", func() { register(t, r, service("3", "c")) }, "3:c"},
			{"a day later", func() { v.pass(24 * time.Hour) }, "3:c"},
			{"taken out before its end", func() {
				announce(t, r, service("3", "c"), time.Minute)
				deregister(t, r, "c")
				register(t, r, service("3", "c"))
				v.pass(time.Hour)
			}, "3:c"},
			{"the whole service too", func() {
				announce(t, r, service("3", "c"), time.Minute)
				deregister(t, r, "")
				register(t, r, service("3", "c"))
				v.pass(time.Hour)
			}, "3:c"},
		} {
			step.do()
			if got := lookup(t, r); got != step.want {
				t.Fatalf("%s (timer late: %t): got %q, want %q", step.name, late, got, step.want)
			}
		}
	}
}

func TestWatchersSeeNodesExpire(t *testing.T) {
	v := newVirtual()
	r := memory.NewWithClock(v)
	announce(t, r, service("1", "a"), time.Minute)
	lists := watch(t, r)
	if got := <-lists; got != "1:a" {
		t.Errorf("got %q, want %q", got, "1:a")
	}
	v.pass(time.Minute)
	if got := <-lists; got != "gone" {
		t.Errorf("got %q, want %q", got, "gone")
	}
}

// With the clock of the machine, and from the zero value.
func TestNodeExpiresOnTheMachinesClock(t *testing.T) {
	var r memory.Registry
	announce(t, &r, service("1", "a"), time.Millisecond)
	for got := range watch(t, &r) {
		if got == "gone" {
			return
		}
	}
}

func TestRegistrarDeregister(t *testing.T) {
	r := memory.New(service("1", "a", "b"), service("2", "c"))
	a := r
	for range 2 { // the second time nothing is there
		if err := a.Deregister(t.Context(), service("9", "a", "c")); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		if got := lookup(t, r); got != "1:b" {
			t.Errorf("got %q, want %q", got, "1:b")
		}
	}
	if err := a.Deregister(t.Context(), &registry.Service{Name: "billing", Nodes: []*registry.Node{nil, {}, node("a")}}); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestRegistrarRefuses(t *testing.T) {
	r := memory.New()
	a := r
	for _, s := range []*registry.Service{nil, {}, service("1"), {Name: "greeter", Nodes: []*registry.Node{{ID: "a"}}}} {
		if err := a.Register(t.Context(), s, 0); err == nil {
			t.Errorf("got no error for %+v, want one", s)
		}
	}
	if err := a.Register(t.Context(), service("1", "a"), -1); err == nil {
		t.Error("got no error for a negative ttl, want one")
	}
	if err := a.Deregister(t.Context(), nil); err == nil {
		t.Error("got no error for nil, want one")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Register(ended, service("1", "a"), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := a.Deregister(ended, service("1", "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := r.List(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := lookup(t, r); got != "not found" {
		t.Errorf("got %q, want nothing registered", got)
	}
}

func TestList(t *testing.T) {
	v := newVirtual()
	r := memory.NewWithClock(v, service("2", "b"), service("1", "a"), &registry.Service{Name: "billing"})
	announce(t, r, &registry.Service{Name: "archive", Nodes: []*registry.Node{node("z")}}, time.Minute)
	names := func() (names []string) {
		list, err := r.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			names = append(names, s.Name+s.Version)
		}
		return names
	}
	if got, want := names(), []string{"archive", "billing", "greeter2", "greeter1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	v.late = true
	v.pass(time.Minute)
	if got, want := names(), []string{"billing", "greeter2", "greeter1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
