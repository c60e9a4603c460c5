// SPDX-License-Identifier: Apache-2.0

package nats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/record"
)

func service(version string, ids ...string) *registry.Service {
	s := &registry.Service{Name: "greeter", Version: version}
	for _, id := range ids {
		s.Nodes = append(s.Nodes, &registry.Node{ID: id, Address: id + ":1"})
	}
	return s
}

// show formats a list as "1:a,b 2:c".
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

func register(t *testing.T, r *nats.Registry, s *registry.Service, ttl time.Duration) {
	t.Helper()
	if err := r.Register(t.Context(), s, ttl); err != nil {
		t.Fatal(err)
	}
}

func lookup(t *testing.T, r *nats.Registry, want string) {
	t.Helper()
	list, err := r.Lookup(t.Context(), "greeter")
	if want == "" {
		if !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("got %q, %v, want ErrNotFound", show(list), err)
		}
		return
	}
	if err != nil || show(list) != want {
		t.Errorf("got %q, %v, want %q", show(list), err, want)
	}
}

func TestOwnersAreMerged(t *testing.T) {
	s := start(t, nil)
	asker := newRegistry(t, s.ClientURL())
	lookup(t, asker, "")
	one, two := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL(), nats.WithConn(connect(t, s)))
	register(t, one, service("1", "a"), 0)
	lookup(t, asker, "1:a")
	register(t, one, service("1", "b"), time.Hour)
	register(t, one, service("1", "a", "b"), time.Hour)
	lookup(t, asker, "1:a,b")
	register(t, two, service("2", "c"), 0)
	list, err := asker.Lookup(t.Context(), "greeter")
	if got := show(list); err != nil || got != "1:a,b 2:c" && got != "2:c 1:a,b" {
		t.Errorf("got %q, %v, want both versions", got, err)
	}
	all, err := asker.List(t.Context())
	if err != nil || show(all) != "1:a,b 2:c" {
		t.Errorf("List: got %q, %v, want both in order", show(all), err)
	}
	for range 2 {
		if err := one.Deregister(t.Context(), service("1", "a", "b")); err != nil {
			t.Error(err)
		}
	}
	lookup(t, asker, "2:c")
	if err := two.Close(); err != nil {
		t.Error(err)
	}
	lookup(t, asker, "")
}

func TestQuorumEndsCollecting(t *testing.T) {
	s := start(t, nil)
	owner := newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), 0)
	lookup(t, newRegistry(t, s.ClientURL(), nats.WithQuorum(1), nats.WithCollect(time.Hour)), "1:a")
}

func TestRegistrationEnds(t *testing.T) {
	s := start(t, nil)
	owner, asker := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), time.Nanosecond)
	register(t, owner, service("1", "b"), 0)
	lookup(t, asker, "1:b")
}

func TestRefusedRecords(t *testing.T) {
	r := newRegistry(t, start(t, nil).ClientURL())
	noID, noName := service("1", "a"), service("1", "a")
	noID.Nodes[0].ID, noName.Name = "", ""
	for what, s := range map[string]*registry.Service{"nil": nil, "no nodes": service("1"), "no id": noID, "no name": noName} {
		if err := r.Register(t.Context(), s, 0); err == nil {
			t.Errorf("%s: got nil, want an error", what)
		}
	}
	if err := r.Register(t.Context(), service("1", "a"), -1); err == nil {
		t.Error("negative ttl: got nil, want an error")
	}
}

// Foreign messages on the subjects are ignored.
func TestForeignWords(t *testing.T) {
	s := start(t, nil)
	nc := connect(t, s)
	owner, asker := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), 0)
	sub := listen(t, nc, "micro.nats.query")
	for _, word := range []string{"", "null", "{", `{"Service":null,"Action":"get"}`, `{"Service":{"name":""},"Action":"get"}`, `{"Action":"what"}`} {
		if err := nc.PublishRequest("micro.nats.query", "nowhere", []byte(word)); err != nil {
			t.Fatal(err)
		}
		next(t, sub)
	}
	answered := make(chan error, 1)
	go func() {
		m, err := sub.NextMsg(patience)
		for _, word := range []string{"", "{", `{"name":"other","nodes":[{"id":"x","address":"x"}]}`, `{"name":"greeter","nodes":[null]}`} {
			if err == nil {
				err = m.Respond([]byte(word))
			}
		}
		answered <- err
	}()
	lookup(t, asker, "1:a")
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	s := start(t, nil)
	owner, watcher := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), 0)
	lists, over := make(chan string, 16), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		over <- watcher.Watch(ctx, "greeter", func(list []*registry.Service) {
			if list == nil {
				lists <- "gone"
				return
			}
			lists <- show(list)
		})
	}()
	expect := func(want string) {
		t.Helper()
		if got := <-lists; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect("1:a")
	other := service("9", "z")
	other.Name = "other"
	register(t, owner, other, 0)
	register(t, owner, service("2", "b"), 0)
	expect("1:a 2:b")
	register(t, owner, service("2", "a"), 0)
	expect("2:b,a")
	if err := connect(t, s).Publish("micro.nats.watch", []byte(`{"Service":{"name":"greeter"},"Action":"what"}`)); err != nil {
		t.Fatal(err)
	}
	if err := owner.Deregister(t.Context(), service("2", "a", "b")); err != nil {
		t.Fatal(err)
	}
	expect("gone")
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A registration that is not repeated expires, and watchers are notified.
func TestWatchersAreToldOfTheEndOfARegistration(t *testing.T) {
	s := start(t, nil)
	owner, watcher := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), 0)
	ctx, cancel := context.WithCancel(t.Context())
	begun, over := make(chan struct{}), make(chan error, 1)
	var seen []string
	go func() {
		over <- watcher.Watch(ctx, "greeter", func(list []*registry.Service) {
			switch seen = append(seen, show(list)); len(seen) {
			case 1:
				close(begun)
			case 3:
				cancel()
			}
		})
	}()
	<-begun
	register(t, owner, service("2", "b"), time.Millisecond)
	<-over
	if got, want := strings.Join(seen, "; "), "1:a; 1:a 2:b; 1:a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A crashed process does not deregister, so a list built from events alone would only
// grow.
func TestWatchIsBounded(t *testing.T) {
	s := start(t, nil)
	owner, watcher := newRegistry(t, s.ClientURL()), newRegistry(t, s.ClientURL())
	register(t, owner, service("1", "a"), 0)
	begun, over := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		over <- watcher.Watch(t.Context(), "greeter", func([]*registry.Service) {
			select {
			case begun <- struct{}{}:
			default:
			}
		})
	}()
	<-begun
	nc := connect(t, s)
	many := service("1")
	for i := range record.MaxNodes {
		many.Nodes = append(many.Nodes, &registry.Node{ID: fmt.Sprint(i), Address: "h:1"})
	}
	data, err := record.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("micro.nats.watch", fmt.Appendf(nil, `{"Service":%s,"Action":"create"}`, data)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-over:
		if !errors.Is(err, record.ErrTooLarge) {
			t.Errorf("got %v, want %v", err, record.ErrTooLarge)
		}
	case <-time.After(patience):
		t.Error("got a watch that goes on with more nodes than a lookup takes")
	}
}

// Events may be lost with the connection, so a watch ends with it; and a lookup without
// a connection is an error, not an empty answer.
func TestWatchEndsWithTheConnection(t *testing.T) {
	s := start(t, nil)
	r := newRegistry(t, s.ClientURL())
	register(t, r, service("1", "a"), 0)
	begun, over := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		over <- r.Watch(t.Context(), "greeter", func([]*registry.Service) { begun <- struct{}{} })
	}()
	<-begun
	stop(s)
	if err := <-over; !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("Watch: got %v, want ErrDisconnected", err)
	}
	if _, err := r.Lookup(t.Context(), "greeter"); !errors.Is(err, nats.ErrDisconnected) || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("Lookup: got %v, want ErrDisconnected", err)
	}
}
