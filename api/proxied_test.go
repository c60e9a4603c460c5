// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
)

// proxied answers for every service with the nodes of a proxy, as the guide for
// those who come from go-micro has it.
type proxied struct{ registry.Registry }

const proxyName = "go.micro.proxy"

func (p proxied) Lookup(ctx context.Context, _ string) ([]*registry.Service, error) {
	return p.Registry.Lookup(ctx, proxyName)
}

func (p proxied) Watch(ctx context.Context, _ string, changed func([]*registry.Service)) error {
	return p.Registry.Watch(ctx, proxyName, changed)
}

// A proxy by service name: what goes there names the service that is meant.
func TestProxyByServiceName(t *testing.T) {
	named := make(chan string, 1)
	proxy := mailcalltest.Start(t, mailcalltest.WithHandlers(mailcalltest.Handle(hello,
		func(ctx context.Context, _ *greet.HelloRequest, _ *greet.HelloReply) error {
			md, _ := metadata.FromContext(ctx)
			named <- md["Micro-Service"]
			return nil
		})))
	node := &registry.Node{ID: "proxy-1", Address: proxy.Address(), Metadata: map[string]string{"protocol": "mucp"}}
	known := memory.New(&registry.Service{Name: proxyName, Nodes: []*registry.Node{node}})
	c := start(t, api.WithRegistry(proxied{known}))
	if err := c.Call(within(t), c.NewRequest("billing", hello, &greet.HelloRequest{}), new(greet.HelloReply)); err != nil {
		t.Fatal(err)
	}
	if got := <-named; got != "billing" {
		t.Errorf("got service %q at the proxy, want billing", got)
	}
}
