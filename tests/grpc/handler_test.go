// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
)

// A handler over gRPC sees the metadata that it sees on one of go-micro's gRPC servers:
// gRPC's names, without the fields that are meant for the server.
func TestHandlerSeesMetadataOfGRPC(t *testing.T) {
	c := greeter(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.NewContext(ctx, metadata.Metadata{"Foo-Bar": "b", "x-lower": "a", "Micro-From-Service": "web"})
	var rsp greet.HelloReply
	if err := c.Call(ctx, c.NewRequest("greeter", "Greeter.Echo", &greet.HelloRequest{}), &rsp); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range rsp.GetHeaders() {
		switch name, _, _ := strings.Cut(h, "="); name {
		case ":authority", "user-agent":
			h = name // the name differs here
		case "grpc-accept-encoding":
			continue // depends on gRPC's library
		}
		got = append(got, h)
	}
	want := []string{":authority", "Remote=127.0.0.1", "content-type=application/grpc+proto", "foo-bar=b", "micro-from-service=web", "user-agent", "x-lower=a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// In a gRPC frame JSON has no final newline; go-micro writes one only in its own
// protocol.
func TestJSONWithoutNewline(t *testing.T) {
	c := greeter(t, mailcalltest.WithHandlers(mailcalltest.Handle("Greeter.Bytes", func(_ context.Context, req, rsp *codec.Frame) error {
		*rsp = *req
		return nil
	})))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for endpoint, want := range map[string]string{"Greeter.Bytes": `{"name":"Ann"}`, "Greeter.Hello": `{"greeting":"Hello Ann"}`} {
		var got codec.Frame
		req := c.NewRequest("greeter", endpoint, &greet.HelloRequest{Name: "Ann"}, api.WithContentType("application/json"))
		if err := c.Call(ctx, req, &got); err != nil || string(got.Data) != want {
			t.Errorf("%s: got %q, %v, want %q", endpoint, got.Data, err, want)
		}
	}
	s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bytes", nil, api.WithContentType("application/grpc+json")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var got codec.Frame
	if err := errors.Join(s.Send(&greet.HelloRequest{Name: "Ann"}), s.Recv(&got)); err != nil || string(got.Data) != `{"name":"Ann"}` {
		t.Errorf("stream: got %q, %v", got.Data, err)
	}
}
