// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
)

// Metadata travels as header fields; what the protocol says wins over it, and
// a topic or a line break in it does not make another request of the call.
func TestMetadataRules(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()), api.WithDefaultContentType("application/json"))
	ctx := metadata.NewContext(within(t), metadata.Metadata{
		"Tenant": "blue", "x-lower": "a", "Micro-From-Service": "web",
		"Micro-Topic": "news", "micro-topic": "news", "Micro-Id": "77", "micro-service": "else",
		"Micro-Endpoint": "Greeter.Fail", "micro-method": "Greeter.Fail", "Content-Type": "text/plain",
		"Micro-Stream": "8", "micro-error": "EOS",
		"accept": "text/plain", "Timeout": "1", "Content-Length": "9999", "Transfer-Encoding": "gzip",
		"Sly": "a\r\nMicro-Topic: news\r\n\r\n",
	})
	rsp := new(greet.HelloReply)
	if err := c.Call(ctx, c.NewRequest("greeter", "Greeter.Echo", &greet.HelloRequest{Name: "Ann"}), rsp); err != nil {
		t.Fatal(err)
	}
	got := rsp.GetHeaders()
	for _, want := range []string{
		"Tenant=blue", "X-Lower=a", "Micro-From-Service=web", "Micro-Service=greeter", "Micro-Endpoint=Greeter.Echo",
		"Micro-Method=Greeter.Echo", "Content-Type=application/json", "Accept=application/json", "Micro-Id=0",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %q among them", got, want)
		}
	}
	for _, field := range got {
		name, value, _ := strings.Cut(field, "=")
		switch {
		case name == "Micro-Topic", name == "Micro-Stream", name == "Micro-Error", name == "Timeout" && value == "1", name == "Content-Length" && value == "9999",
			name == "Transfer-Encoding", strings.ContainsAny(value, "\r\n"):
			t.Errorf("got %q, want it left out", field)
		}
	}
	if got := server.Stats().Events; got != 0 {
		t.Errorf("got %d events, want none", got)
	}
}

// A stream that a handler opens with the metadata of a stream of its own is
// another one, and says its own end.
func TestStreamWithForwardedMetadata(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		ctx := metadata.NewContext(within(t), metadata.Metadata{
			"Micro-Stream": "77", "Micro-Id": "77", "Micro-Error": "not mine", "Timeout": "1", "Tenant": "blue",
		})
		s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.ClientStream", &greet.HelloRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		for range 2 {
			if err := s.Send(&greet.HelloRequest{Count: 3}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		rsp := new(greet.HelloReply)
		if err := s.Recv(rsp); err != nil || rsp.GetGreeting() != "got 2" || rsp.GetSeq() != 6 {
			t.Errorf("got %v, %v, want got 2 with the sum 6", rsp, err)
		}
	})
}

func TestPreparedRequest(t *testing.T) {
	r := mailcalltest.Start(t)
	c := start(t, api.WithAddress(r.Address()))
	p := api.Prepare(c, "greeter", hello, api.WithContentType("application/json"))
	for _, name := range []string{"Ann", "Bob"} {
		rsp := new(greet.HelloReply)
		if err := c.Call(within(t), p.With(&greet.HelloRequest{Name: name}), rsp); err != nil || rsp.GetGreeting() != "Hello "+name {
			t.Errorf("got %v and %v, want Hello %s", rsp, err, name)
		}
	}
	if p.ContentType() != "application/json" {
		t.Errorf("got content type %q, want application/json", p.ContentType())
	}
}
