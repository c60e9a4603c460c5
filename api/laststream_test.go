// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/tcp"
)

// A call that follows at once on the error with which a service has ended a
// stream uses its place on the connection, which the service must have given up
// by then.
func TestCallBehindTheEndOfAStream(t *testing.T) {
	over, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	server := mailcalltest.StartOn(t, over, "127.0.0.1:0")
	c := start(t, api.WithTransport(over), api.WithAddress(server.Address()), api.WithRetries(0))
	ctx := within(t)
	for range 500 {
		s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bidi", nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(&greet.HelloRequest{Code: 404}); err != nil {
			t.Fatal(err)
		}
		if err := s.Recv(new(greet.HelloReply)); !errors.Is(err, &rpcerr.Error{Code: 404}) {
			t.Fatalf("got %v, want the service's 404", err)
		}
		if err := greetAnn(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}
