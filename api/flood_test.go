// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
)

// flood is a registry whose watch tells one list after another.
type flood struct {
	registry.Registry
	lists int
	over  chan struct{}
}

func (f flood) Watch(ctx context.Context, service string, changed func([]*registry.Service)) error {
	list, err := f.Lookup(ctx, service)
	if err != nil {
		return err
	}
	for i := range f.lists {
		next := *list[0]
		next.Version = fmt.Sprint(i)
		changed([]*registry.Service{&next})
	}
	close(f.over)
	<-ctx.Done()
	return ctx.Err()
}

// A registry that tells more than can be taken in costs no memory: what was told
// in between is left out, and the last list counts.
func TestFloodOfLists(t *testing.T) {
	server := mailcalltest.Start(t)
	r := flood{static.New("greeter", server.Address()), 2000, make(chan struct{})}
	filtering, open := make(chan struct{}, r.lists+10), make(chan struct{})
	c := start(t, api.WithRegistry(r), api.WithFilter(func(list []*registry.Service) []*registry.Service {
		filtering <- struct{}{}
		<-open
		return list
	}))
	before := runtime.NumGoroutine()
	result := make(chan error, 1)
	go func() { result <- greetAnn(within(t), c) }()
	await(t, "the filter to begin", filtering)
	await(t, "the end of the flood", r.over)
	selector := func() (a messages.ActorInfo) {
		for _, a = range c.Runtime().Snapshot().Actors {
			if a.Kind == "selector" {
				break
			}
		}
		return a
	}
	until(t, "the selector to have nothing to do", func() bool { return selector().Depth == 0 && selector().Busy == 0 })
	if got := runtime.NumGoroutine() - before; got > 100 {
		t.Errorf("got %d goroutines for %d lists, want a few", got, r.lists)
	}
	if got := selector().MaxDepth; got > 100 {
		t.Errorf("got a mailbox of %d messages for %d lists, want a few", got, r.lists)
	}
	close(open)
	if err := await(t, "the answer", result); err != nil {
		t.Fatal(err)
	}
	last := fmt.Sprint(r.lists - 1)
	until(t, "the last list", func() bool {
		nodes := c.Runtime().Snapshot().Services[0].Nodes
		return len(nodes) == 1 && nodes[0].Version == last
	})
}

// A list that comes while options are replaced is not lost.
func TestListThatArrivesDuringInitIsNotLost(t *testing.T) {
	one, two := mailcalltest.Start(t), mailcalltest.Start(t)
	node := func(s *mailcalltest.Responder) *registry.Service {
		return &registry.Service{Name: "greeter", Nodes: []*registry.Node{{
			ID: s.Address(), Address: s.Address(), Metadata: map[string]string{"protocol": "mucp"},
		}}}
	}
	r := memory.New(node(one))
	lengths, open := make(chan int, 100), make(chan struct{})
	c := start(t, api.WithRegistry(r), api.WithFilter(func(list []*registry.Service) []*registry.Service {
		n := len(list[0].Nodes)
		if lengths <- n; n == 2 {
			<-open
		}
		return list
	}))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(node(two)); err != nil {
		t.Fatal(err)
	}
	until(t, "the new list", func() bool { return await(t, "a list", lengths) == 2 })
	if err := c.Init(api.WithPoolSize(7)); err != nil {
		t.Fatal(err)
	}
	await(t, "the filter with the new options", lengths)
	close(open)
	until(t, "both nodes", func() bool { return len(c.Runtime().Snapshot().Services[0].Nodes) == 2 })
}
