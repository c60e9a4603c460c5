// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/registry"
	"example.com/mailcall/registry/cache"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/rpcerr"
)

// scripted is a registry that waits as registries do.
type scripted struct {
	lookup func(ctx context.Context) ([]*registry.Service, error)
	watch  func(ctx context.Context, changed func([]*registry.Service)) error
}

func (s scripted) Lookup(ctx context.Context, _ string) ([]*registry.Service, error) {
	return s.lookup(ctx)
}

func (s scripted) Watch(ctx context.Context, _ string, changed func([]*registry.Service)) error {
	return s.watch(ctx, changed)
}

func (scripted) String() string { return "scripted" }

func over(t *testing.T, source registry.Registry, opts ...cache.Option) *cache.Registry {
	t.Helper()
	r, err := cache.New(source, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestCacheOverMemory(t *testing.T) {
	source := memory.New(list("1:a")...)
	r := over(t, source, cache.WithGrace(time.Millisecond))
	if got := r.String(); got != "cache+memory" {
		t.Errorf("got %q, want cache+memory", got)
	}
	found, err := r.Lookup(t.Context(), "greeter")
	if got := result(t, found, err); got != "1:a" {
		t.Errorf("got %q, want %q", got, "1:a")
	}
	_, err = r.Lookup(t.Context(), "billing")
	if !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), `"billing"`) {
		t.Errorf("got %v, want ErrNotFound that names billing", err)
	}
	if all, err := r.List(t.Context()); err != nil || show(all) != "1:a" {
		t.Errorf("got %q and %v, want %q", show(all), err, "1:a")
	}
	ctx, cancel := context.WithCancel(t.Context())
	lists, done := make(chan string), make(chan error, 1)
	go func() {
		done <- r.Watch(ctx, "greeter", func(list []*registry.Service) {
			select {
			case lists <- show(list):
			case <-ctx.Done():
			}
		})
	}()
	wait := func(want string) {
		t.Helper()
		for got := range lists { // between two lists may be others: damping
			if got == want {
				return
			}
		}
	}
	wait("1:a")
	if err := source.Add(list("1:b")[0]); err != nil {
		t.Fatal(err)
	}
	wait("1:a,b")
	if err := source.Remove("greeter", ""); err != nil {
		t.Fatal(err)
	}
	wait("gone")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Each lookup ends with its own context, the question goes on for the others.
func TestLookupsEndWithTheirContexts(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	r := over(t, scripted{lookup: func(ctx context.Context) ([]*registry.Service, error) {
		asked <- struct{}{}
		select {
		case <-answer:
			return list("1:a"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	impatient, cancel := context.WithCancel(t.Context())
	results := make(chan string, 2)
	failed := make(chan error, 1)
	go func() {
		_, err := r.Lookup(impatient, "greeter")
		failed <- err
	}()
	<-asked
	for range 2 {
		go func() {
			found, err := r.Lookup(t.Context(), "greeter")
			results <- result(t, found, err)
		}()
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(answer)
	for range 2 {
		if got := <-results; got != "1:a" {
			t.Errorf("got %q, want %q", got, "1:a")
		}
	}
	if _, err := r.Lookup(impatient, "greeter"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := r.Inspect().Services[0].Asks; got != 1 {
		t.Errorf("got %d questions, want 1", got)
	}
}

func TestHangingSource(t *testing.T) {
	r := over(t, scripted{lookup: func(ctx context.Context) ([]*registry.Service, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, cache.WithLookupTimeout(time.Millisecond))
	if _, err := r.Lookup(t.Context(), "greeter"); err == nil || !strings.Contains(err.Error(), "WithLookupTimeout") {
		t.Errorf("got %v, want an error that names the bound", err)
	}
}

func TestPanicsOfTheSourceAreErrors(t *testing.T) {
	r := over(t, scripted{
		lookup: func(context.Context) ([]*registry.Service, error) { panic("lookup") },
		watch:  func(context.Context, func([]*registry.Service)) error { panic("watch") },
	})
	if _, err := r.Lookup(t.Context(), "greeter"); !errors.Is(err, rpcerr.ErrPanic) {
		t.Errorf("got %v, want ErrPanic", err)
	}
	if err := r.Watch(t.Context(), "greeter", func([]*registry.Service) {}); !errors.Is(err, rpcerr.ErrPanic) {
		t.Errorf("got %v, want ErrPanic", err)
	}
	if err := r.Watch(t.Context(), "greeter", nil); err == nil {
		t.Error("got no error for a nil function, want one")
	}
}

// What a source leaves out of its lists by nil is not handed on: those who read them,
// filters above all, do not expect it. The source's own records are not changed.
func TestListsAreWithoutNil(t *testing.T) {
	of := &registry.Service{
		Name: "greeter", Nodes: []*registry.Node{nil, {ID: "a", Address: "a:1"}},
		Endpoints: []*registry.Endpoint{nil, {Name: "Greeter.Hello"}},
	}
	r := over(t, scripted{
		lookup: func(context.Context) ([]*registry.Service, error) { return []*registry.Service{nil, of}, nil },
		watch: func(ctx context.Context, _ func([]*registry.Service)) error {
			<-ctx.Done()
			return ctx.Err()
		},
	})
	found, err := r.Lookup(t.Context(), "greeter")
	if err != nil || len(found) != 1 || len(found[0].Nodes) != 1 || found[0].Nodes[0].ID != "a" ||
		len(found[0].Endpoints) != 1 || found[0].Endpoints[0].Name != "Greeter.Hello" {
		t.Errorf("got %+v, %v; want a record with one node and one endpoint", found, err)
	}
	if len(of.Nodes) != 2 || len(of.Endpoints) != 2 {
		t.Errorf("got %+v, want the source's record as it was", of)
	}
}

// A slow watcher holds up neither the source nor other watchers, and gets the
// latest list in the end.
func TestSlowWatcher(t *testing.T) {
	source := memory.New(list("1:a")...)
	r := over(t, source, cache.WithGrace(0))
	ctx, cancel := context.WithCancel(t.Context())
	entered, proceed := make(chan string), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- r.Watch(ctx, "greeter", func(list []*registry.Service) {
			entered <- show(list)
			<-proceed
		})
	}()
	<-entered
	quick, over := context.WithCancel(t.Context())
	if err := source.Add(list("1:b")[0]); err != nil {
		t.Fatal(err)
	}
	err := r.Watch(quick, "greeter", func(list []*registry.Service) {
		if show(list) == "1:a,b" {
			over()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	proceed <- struct{}{}
	if got := <-entered; got != "1:a,b" {
		t.Errorf("got %q, want %q", got, "1:a,b")
	}
	cancel()
	proceed <- struct{}{}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	source := memory.New(list("1:a")...)
	r := over(t, source, cache.WithTTL(time.Nanosecond), cache.WithGrace(time.Microsecond), cache.WithMaxServices(3))
	ctx, cancel := context.WithCancel(t.Context())
	var work, watching sync.WaitGroup
	for range 3 {
		watching.Go(func() {
			for ctx.Err() == nil {
				short, stop := context.WithCancel(ctx)
				calls := 0
				_ = r.Watch(short, "greeter", func([]*registry.Service) {
					if calls++; calls == 3 {
						stop()
					}
				})
				stop()
			}
		})
	}
	for i, id := range []string{"b", "c", "d", "e"} {
		work.Go(func() {
			for range 100 {
				if err := source.Add(list("1:" + id)[0]); err != nil {
					t.Error(err)
				}
				found, err := r.Lookup(ctx, "greeter")
				if err != nil || len(found) == 0 {
					t.Errorf("got %v and %v, want the service: a never goes", show(found), err)
				}
				if _, err := r.Lookup(ctx, []string{"x", "y", "z", "w"}[i]); err == nil {
					t.Error("got an absent service, want an error")
				}
				r.Expire("greeter")
				r.Inspect()
				_ = source.Remove("greeter", id)
			}
		})
	}
	work.Wait()
	cancel()
	watching.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Lookup(t.Context(), "greeter"); !errors.Is(err, cache.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := r.Watch(t.Context(), "greeter", func([]*registry.Service) {}); !errors.Is(err, cache.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// The question that is too slow is given up, and not one before it that was
// answered before its source had returned.
func TestTimeoutCancelsTheRunningQueryOnly(t *testing.T) {
	var r *cache.Registry
	asked, given := 0, make(chan int, 2)
	source := cache.Source{Name: "quick", Lookup: func(service string, done func([]*registry.Service, error)) func() {
		asked++
		n := asked
		if n == 1 {
			done(nil, registry.ErrNotFound)
			r.Ask(service, func([]*registry.Service, error) {})
		}
		return func() { given <- n }
	}}
	r, err := cache.NewOf(source, cache.WithLookupTimeout(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Ask("greeter", func([]*registry.Service, error) {})
	for range 2 {
		if <-given == 2 {
			return
		}
	}
	t.Error("got the first given up twice, want the second")
}
