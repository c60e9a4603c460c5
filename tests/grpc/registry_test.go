// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"testing"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"example.com/mailcall/api"
	"example.com/mailcall/registry"
	"example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/transport/grpc"
)

// A client with the gRPC transport calls nodes whose records name no protocol, and
// nodes whose records name it in any known form.
func TestNodesOfRegistries(t *testing.T) {
	address := serve(t)
	node := func(metadata map[string]string) registry.Registry {
		return memory.New(&registry.Service{Name: "test", Nodes: []*registry.Node{{ID: "a", Address: address, Metadata: metadata}}})
	}
	for name, known := range map[string]registry.Registry{
		"static":   static.New("test", address),
		"nothing":  node(nil),
		"protocol": node(map[string]string{"protocol": "grpc"}),
		"server":   node(map[string]string{"server": "grpc", "transport": "grpc"}),
	} {
		t.Run(name, func(t *testing.T) {
			over, err := grpc.New()
			if err != nil {
				t.Fatal(err)
			}
			c, err := api.New(api.WithTransport(over), api.WithRegistry(known))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(context.Background()) }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			req := &testpb.SimpleRequest{ResponseSize: 10}
			rsp := new(testpb.SimpleResponse)
			if err := c.Call(ctx, c.NewRequest("test", "/grpc.testing.TestService/UnaryCall", req), rsp); err != nil || len(rsp.GetPayload().GetBody()) != 10 {
				t.Errorf("got %v, %v, want a body of 10 bytes", rsp, err)
			}
		})
	}
}
