// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/mailcall/api"
	brokers "example.com/mailcall/broker/memory"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/rpcerr"
)

// TestLeastRecentlyUsedServicesAreForgotten: a client that calls ever new addresses
// and names forgets those that nobody uses, and refuses nothing.
func TestLeastRecentlyUsedServicesAreForgotten(t *testing.T) {
	const bound = 4
	server := mailcalltest.Start(t)
	c := start(t, api.WithMaxServices(bound), api.WithRegistry(memory.New()))
	for i := range 5 * bound {
		list := slices.Repeat([]string{server.Address()}, i%(2*bound)+1) // each length is a list of its own
		if err := greetAnn(within(t), c, api.WithAddress(list...)); err != nil {
			t.Fatalf("list %d: %v", i, err)
		}
		err := c.Call(within(t), c.NewRequest(fmt.Sprintf("nobody-%d", i), hello, []byte("x"), api.WithContentType("application/octet-stream")), new([]byte))
		if !errors.Is(err, rpcerr.ErrNotFound) {
			t.Fatalf("name %d: got %v, want ErrNotFound", i, err)
		}
		if n := len(c.Runtime().Snapshot().Services); n > bound {
			t.Fatalf("got %d services in the snapshot, want %d at most", n, bound)
		}
	}
}

// TestServicesJustOpenedAreNotForgotten: those that were used before are older than
// one whose first call has not got a node yet.
func TestServicesJustOpenedAreNotForgotten(t *testing.T) {
	const bound, callers = 100, 50
	server := mailcalltest.Start(t)
	c := start(t, api.WithMaxServices(bound))
	var calls sync.WaitGroup
	for n := range callers {
		calls.Go(func() {
			for i := range 50 {
				other := fmt.Sprintf("127.0.0.1:%d", 1+50*n+i) // each list is new
				if err := greetAnn(within(t), c, api.WithAddress(server.Address(), other), api.WithStrategy(inOrder{})); err != nil {
					t.Errorf("list %d of caller %d: %v", i, n, err)
				}
			}
		})
	}
	calls.Wait()
}

// TestServicesInUseAreNotForgotten: while as many are in use as may be known,
// another one is refused, and the calls in flight go on.
func TestServicesInUseAreNotForgotten(t *testing.T) {
	const bound = 3
	release := make(chan struct{})
	begun := make(chan struct{}, bound)
	server := mailcalltest.Start(t, mailcalltest.WithHandlers(mailcalltest.Handle("Greeter.Wait",
		func(context.Context, *greet.HelloRequest, *greet.HelloReply) error {
			begun <- struct{}{}
			<-release
			return nil
		})))
	c := start(t, api.WithMaxServices(bound))
	list := func(n int) api.CallOption { return api.WithAddress(slices.Repeat([]string{server.Address()}, n)...) }
	var calls sync.WaitGroup
	ctx := within(t)
	for i := range bound {
		calls.Go(func() {
			if err := greetAt(t, c, "greeter", "Greeter.Wait", list(i+1)); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	for range bound {
		await(t, "a call in flight", begun)
	}
	if err := greetAnn(ctx, c, list(bound+1)); !errors.Is(err, rpcerr.ErrOverloaded) {
		t.Errorf("got %v, want ErrOverloaded", err)
	}
	close(release)
	calls.Wait()
	if err := greetAnn(ctx, c, list(bound+1)); err != nil {
		t.Errorf("once they are idle: %v", err)
	}
}

// What is called under one name does not depend on what was called under another
// one before: a service whose name looks like a fixed address or like the broker, or
// an address that looks like a list.
func TestNamesAreNotConfused(t *testing.T) {
	server := mailcalltest.Start(t)
	const nowhere = "127.0.0.1:1"
	broker := brokers.New()
	subscribe(t, broker, "topic")
	for name, do := range map[string]func(c *api.Caller) (first, second error){
		"name like an address": func(c *api.Caller) (first, second error) {
			name := "greeter@" + server.Address()
			return greetAt(t, c, name, hello), greetAt(t, c, "greeter", hello, api.WithAddress(server.Address()))
		},
		"address like a list": func(c *api.Caller) (first, second error) {
			list := []string{nowhere, server.Address()}
			return greetAt(t, c, "greeter", hello, api.WithAddress(strings.Join(list, ","))),
				greetAt(t, c, "greeter", hello, api.WithAddress(list...), api.WithStrategy(inOrder{}))
		},
		"name like the broker": func(c *api.Caller) (first, second error) {
			return greetAt(t, c, "broker:"+broker.String(), hello), c.Publish(within(t), c.NewMessage("topic", &greet.HelloRequest{}))
		},
	} {
		c := start(t, api.WithRegistry(memory.New()), api.WithBroker(broker))
		if first, second := do(c); first == nil || second != nil {
			t.Errorf("%s: got %v, then %v; want an error, then none", name, first, second)
		}
	}
	c := start(t, api.WithRegistry(memory.New()), api.WithAddress(server.Address()))
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	if err := greetAt(t, c, "greeter@"+server.Address(), hello, api.WithAddress()); !errors.Is(err, rpcerr.ErrNotFound) {
		t.Errorf("got %v, want that no such service is known", err)
	}
}

// TestPoolsOfForgottenServicesAreClosed: a client that has called many addresses keeps
// connections only to those that it still knows.
func TestPoolsOfForgottenServicesAreClosed(t *testing.T) {
	const bound = 2
	c := start(t, api.WithMaxServices(bound))
	for range 3 * bound {
		if err := greetAnn(within(t), c, api.WithAddress(mailcalltest.Start(t).Address())); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the pools of the others to be closed", func() bool { return len(c.Runtime().Snapshot().Pools) <= bound })
}
