// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/actors/selector"
	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
)

// town is a registry with two versions of the greeter, one node each but for
// the second, which has two.
func town(t *testing.T) (*memory.Registry, map[string]*mailcalltest.Responder) {
	t.Helper()
	all := make(map[string]*mailcalltest.Responder)
	node := func(id, zone string) *registry.Node {
		all[id] = mailcalltest.Start(t)
		return &registry.Node{ID: id, Address: all[id].Address(), Metadata: map[string]string{"protocol": "mucp", "zone": zone}}
	}
	return memory.New(
		&registry.Service{Name: "greeter", Version: "1", Nodes: []*registry.Node{node("old", "a")}},
		&registry.Service{Name: "greeter", Version: "2", Nodes: []*registry.Node{node("new-a", "a"), node("new-b", "b")},
			Endpoints: []*registry.Endpoint{{Name: hello}}},
	), all
}

// Filters leave the nodes that they say, for a client and for a call.
func TestFilters(t *testing.T) {
	for _, tc := range []struct {
		name   string
		filter []api.Filter
		want   string // the nodes that may be called
	}{
		{"none", nil, "old new-a new-b"},
		{"version", []api.Filter{api.FilterVersion("1")}, "old"},
		{"label", []api.Filter{api.FilterLabel("zone", "a")}, "old new-a"},
		{"endpoint", []api.Filter{api.FilterEndpoint(hello)}, "new-a new-b"},
		{"all three", []api.Filter{api.FilterEndpoint(hello), api.FilterLabel("zone", "b"), api.FilterVersion("2")}, "new-b"},
		{"no version", []api.Filter{api.FilterVersion("3")}, ""},
		{"no label", []api.Filter{api.FilterLabel("zone", "c")}, ""},
		{"no endpoint", []api.Filter{api.FilterEndpoint("Greeter.Nope")}, ""},
	} {
		for _, of := range []string{"client", "call"} {
			t.Run(tc.name+" of the "+of, func(t *testing.T) {
				r, all := town(t)
				opts := []api.Option{api.WithRegistry(r), api.WithStrategy(new(selector.RoundRobin))}
				var call []api.CallOption
				if of == "client" {
					opts = append(opts, api.WithFilter(tc.filter...))
				} else {
					call = append(call, api.WithFilter(tc.filter...))
				}
				c := start(t, opts...)
				for range 6 {
					err := greetAnn(within(t), c, call...)
					if tc.want == "" && !errors.Is(err, rpcerr.ErrNoneAvailable) || tc.want != "" && err != nil {
						t.Fatalf("got %v, want nodes %q", err, tc.want)
					}
				}
				for id, server := range all {
					if got, want := server.Calls(hello) > 0, strings.Contains(" "+tc.want+" ", " "+id+" "); got != want {
						t.Errorf("node %s: got called %t, want %t", id, got, want)
					}
				}
			})
		}
	}
}

// The strategy of a call goes before that of the client.
func TestStrategies(t *testing.T) {
	r, all := town(t)
	c := start(t, api.WithRegistry(r), api.WithStrategy(inOrder{}))
	for range 4 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	mailcalltest.AssertCalls(t, all["old"], hello, 4)
	around := new(selector.RoundRobin)
	for range 9 {
		if err := greetAnn(within(t), c, api.WithStrategy(around)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]int{"old": 4 + 3, "new-a": 3, "new-b": 3} {
		mailcalltest.AssertCalls(t, all[id], hello, want)
		t.Log(id)
	}
}

// broken is a registry that cannot be asked.
type broken struct{}

var errBroken = errors.New("no route to the registry")

func (broken) Lookup(context.Context, string) ([]*registry.Service, error) { return nil, errBroken }

func (broken) Watch(context.Context, string, func([]*registry.Service)) error { return errBroken }

func (broken) String() string { return "broken" }

// Four things that users mix up are four different errors, each with the next
// step in its text.
func TestFourDifferentErrors(t *testing.T) {
	sentinels := []error{
		rpcerr.ErrRegistryUnavailable, rpcerr.ErrNotFound, rpcerr.ErrNoneAvailable, rpcerr.ErrOverloaded, rpcerr.ErrUnsupportedTransport,
	}
	strange := &registry.Node{ID: "n", Address: "a:1", Metadata: map[string]string{"protocol": "mucp", "transport": "pigeon"}}
	for _, tc := range []struct {
		name string
		opts []api.Option
		want error
		word string
	}{
		{"registry unreachable", []api.Option{api.WithRegistry(broken{})}, rpcerr.ErrRegistryUnavailable, errBroken.Error()},
		{"service unknown", []api.Option{api.WithRegistry(static.New("other", "a:1"))}, rpcerr.ErrNotFound, "registered"},
		{"no registry", nil, rpcerr.ErrNotFound, "WithRegistry"},
		{"no node", []api.Option{api.WithRegistry(static.New("greeter"))}, rpcerr.ErrNoneAvailable, "without nodes"},
		{"no node left", []api.Option{api.WithRegistry(static.New("greeter", "a:1")), api.WithFilter(api.FilterVersion("9"))},
			rpcerr.ErrNoneAvailable, "filters"},
		{"transport unknown", []api.Option{api.WithRegistry(memory.New(
			&registry.Service{Name: "greeter", Nodes: []*registry.Node{strange}}))}, rpcerr.ErrUnsupportedTransport, "WithTransports"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := greetAnn(within(t), start(t, tc.opts...))
			for _, s := range sentinels {
				if got := errors.Is(err, s); got != (s == tc.want) {
					t.Errorf("got %v, want %v and nothing else", err, tc.want)
				}
			}
			if err != nil && !strings.Contains(err.Error(), tc.word) {
				t.Errorf("got %q, want it to name %q", err, tc.word)
			}
			if a, n := last(t, err); n != 1 || a.Proof != rpcerr.NotSent {
				t.Errorf("got %d attempts and proof %s, want 1 and not-sent", n, a.Proof)
			}
		})
	}
}

// held starts a responder whose Hello waits, and the first of its calls.
func held(t *testing.T, opts ...api.Option) (c *api.Caller, release func()) {
	t.Helper()
	hits, open := make(chan struct{}, 10), make(chan struct{})
	server := mailcalltest.Start(t, mailcalltest.WithHandlers(mailcalltest.Handle(hello,
		func(_ context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = "Hello Ann"
			hits <- struct{}{}
			<-open
			return nil
		})))
	c = start(t, append(opts, api.WithAddress(server.Address()))...)
	first := make(chan error, 1)
	go func() { first <- greetAnn(context.Background(), c) }()
	await(t, "the first call", hits)
	return c, func() {
		close(open)
		if err := await(t, "the first answer", first); err != nil {
			t.Errorf("the first call: %v", err)
		}
		if err := greetAnn(within(t), c); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// Bounds refuse at once, by name, and what is refused was not sent.
func TestOverload(t *testing.T) {
	for word, opts := range map[string][]api.Option{
		"MaxCalls":    {api.WithMaxCalls(1)},
		"PoolWaiters": {api.WithPoolMax(1), api.WithPoolWaiters(0), api.WithRetries(0)},
	} {
		t.Run(word, func(t *testing.T) {
			c, release := held(t, opts...)
			err := greetAnn(within(t), c)
			if !errors.Is(err, rpcerr.ErrOverloaded) || !strings.Contains(err.Error(), word) {
				t.Errorf("got %v, want %v and the name of the bound, %s", err, rpcerr.ErrOverloaded, word)
			}
			if a, n := last(t, err); n == 1 && (a.Proof != rpcerr.NotSent || a.Phase != rpcerr.PhaseAcquire) {
				t.Errorf("got phase %s and proof %s, want acquire and not-sent", a.Phase, a.Proof)
			}
			release()
		})
	}
}

// A filter that leaves nil behind fails the calls that need it, by name, and the
// client goes on.
func TestFilterThatReturnsNilRecords(t *testing.T) {
	for name, bad := range map[string][]*registry.Service{
		"service": {nil}, "node": {{Name: "greeter", Nodes: []*registry.Node{nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			spoil := func([]*registry.Service) []*registry.Service { return bad }
			r, _ := town(t)
			err := greetAnn(within(t), start(t, api.WithRegistry(r), api.WithFilter(spoil), api.WithRequestTimeout(shortly)))
			if err == nil || !strings.Contains(err.Error(), "filter") {
				t.Errorf("a client's: got %v, want an error that names the filter", err)
			}
			c := start(t, api.WithRegistry(r))
			if err := greetAnn(within(t), c, api.WithFilter(spoil)); err == nil || !strings.Contains(err.Error(), "filter") {
				t.Errorf("a call's: got %v, want an error that names the filter", err)
			}
			if err := greetAnn(within(t), c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// The attempt of a call whose service is unknown is the lookup, which lies within
// the call.
func TestTimesOfLookup(t *testing.T) {
	c := start(t, api.WithRegistry(memory.New()))
	err := c.Call(within(t), c.NewRequest("nobody", hello, &greet.HelloRequest{}), &greet.HelloReply{})
	call, is := errors.AsType[*rpcerr.CallError](err)
	if !is || len(call.Attempts) != 1 {
		t.Fatalf("got %v, want the error of a call with one attempt", err)
	}
	if a := call.Attempts[0]; a.Start+a.Duration > call.Elapsed {
		t.Errorf("got an attempt that began after %s and took %s in a call of %s", a.Start, a.Duration, call.Elapsed)
	}
}
