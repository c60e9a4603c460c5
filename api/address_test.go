// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// wire is a transport, or a test that cannot go on.
func wire[T transport.Transport](t *testing.T) func(T, error) transport.Transport {
	return func(tr T, err error) transport.Transport {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
}

// An address that is none is not dialled again: each is tried once, whatever
// the retries, and a retry function cannot make it better.
func TestInvalidAddressesEndTheCall(t *testing.T) {
	insist := api.WithRetry(func(context.Context, api.Request, int, error) (bool, error) { return true, nil })
	for name, tr := range map[string]transport.Transport{
		"http": wire[*http.Transport](t)(http.New()), "tcp": wire[*tcp.Transport](t)(tcp.New()),
	} {
		for _, bad := range [][]string{
			{"nowhere"}, {"127.0.0.1:99999"}, {"a b:1"}, {"[::1:80"}, {"ftp://127.0.0.1:21"}, {":80"}, {"host:"}, {"a:1:2", "[fe80::1%]"},
		} {
			t.Run(name+" "+strings.Join(bad, ","), func(t *testing.T) {
				c := start(t, api.WithTransport(tr), api.WithAddress(bad...), api.WithRetries(9), insist)
				err := greetAnn(within(t), c)
				a, n := last(t, err)
				if n != len(bad) || a.Proof != rpcerr.NotSent || a.Phase != rpcerr.PhaseDial || !errors.Is(err, transport.ErrAddress) {
					t.Errorf("got %d attempts, the last %s in %s: %v; want one for each address, of which none was dialled", n, a.Proof, a.Phase, err)
				}
				if !strings.Contains(a.Decision, "no node has an address that can be dialled") {
					t.Errorf("got decision %q, want that there is no address", a.Decision)
				}
			})
		}
	}
}

// One address that is none costs a call nothing but a line in its log.
func TestOneInvalidAddressFailsNoCall(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress("a b:1", server.Address()), api.WithStrategy(inOrder{}))
	for range 20 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	mailcalltest.AssertCalls(t, server, hello, 20)
}

// One node that wants a transport which the client lacks costs as little: a client
// is older than the nodes that come, at times. Where all want one, each is asked
// once.
func TestNodesThatWantAnotherTransport(t *testing.T) {
	server := mailcalltest.Start(t)
	want := func(id, address, transport string) *registry.Node {
		return &registry.Node{ID: id, Address: address, Metadata: map[string]string{"transport": transport}}
	}
	client := func(nodes ...*registry.Node) *api.Caller {
		records := memory.New(&registry.Service{Name: "greeter", Nodes: nodes})
		return start(t, api.WithRegistry(records), api.WithStrategy(inOrder{}), api.WithRetries(9))
	}
	c := client(want("a", "a:1", "pigeon"), want("b", server.Address(), "http"))
	for range 20 {
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	mailcalltest.AssertCalls(t, server, hello, 20)
	err := greetAnn(within(t), client(want("a", "a:1", "pigeon"), want("b", "b:1", "drum")))
	if a, n := last(t, err); n != 2 || a.Proof != rpcerr.NotSent || !errors.Is(err, rpcerr.ErrUnsupportedTransport) {
		t.Errorf("got %d attempts, the last %s: %v; want one for each node, and %v", n, a.Proof, err, rpcerr.ErrUnsupportedTransport)
	}
}

// The broker is reached like a node, but no record names it: a node that wants a
// transport of this name is one that the client cannot call, and a service may have
// any name.
func TestNoNodeIsTheBroker(t *testing.T) {
	server := mailcalltest.Start(t)
	node := func(id, address, transport string) *registry.Node {
		return &registry.Node{ID: id, Address: address, Metadata: map[string]string{"protocol": "mucp", "transport": transport}}
	}
	records := memory.New(
		&registry.Service{Name: "greeter", Nodes: []*registry.Node{node("a", "a:1", "broker"), node("b", server.Address(), "http")}},
		&registry.Service{Name: "strange", Nodes: []*registry.Node{node("c", "c:1", "broker")}},
		&registry.Service{Name: "broker:http", Nodes: []*registry.Node{node("d", server.Address(), "http")}},
	)
	c := start(t, api.WithRegistry(records), api.WithStrategy(inOrder{}))
	if err := greetAnn(within(t), c); err != nil {
		t.Errorf("a node that wants another transport ended the call: %v", err)
	}
	call := func(service string) error {
		return c.Call(within(t), c.NewRequest(service, hello, &greet.HelloRequest{}), new(greet.HelloReply))
	}
	if err := call("strange"); !errors.Is(err, rpcerr.ErrUnsupportedTransport) || !strings.Contains(err.Error(), "the client has http ") {
		t.Errorf("got %v, want %v and the transports of the client", err, rpcerr.ErrUnsupportedTransport)
	}
	for range 2 {
		if err := call("broker:http"); err != nil {
			t.Errorf("call of a service named like the broker: %v", err)
		}
		if err := c.Publish(within(t), c.NewMessage("greetings", &greet.HelloRequest{})); !errors.Is(err, broker.ErrNoSubscribers) {
			t.Errorf("publish beside such a service: got %v, want %v", err, broker.ErrNoSubscribers)
		}
	}
	mailcalltest.AssertCalls(t, server, hello, 3)
}
