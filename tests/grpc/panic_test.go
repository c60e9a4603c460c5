// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
)

// If a handler panics, a responder over gRPC answers with an error, as go-micro's gRPC
// server does.
func TestPanicOfAHandlerIsAnswered(t *testing.T) {
	c := greeter(t, mailcalltest.WithHandlers(
		mailcalltest.HandleStream("Greeter.PanicLater", func(_ context.Context, s *mailcalltest.Stream) error {
			if err := s.Send(&greet.HelloReply{Greeting: "so far"}); err != nil {
				return err
			}
			panic("a panic in a stream")
		})))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	check := func(what string, err error, detail string) {
		t.Helper()
		var told *rpcerr.Error
		if !errors.As(err, &told) || told.ID != rpcerr.IDServer || told.Code != 500 || told.Detail != detail {
			t.Errorf("%s: got %v, want 500 of %s: %s", what, err, rpcerr.IDServer, detail)
		}
	}
	err := c.Call(ctx, c.NewRequest("greeter", "Greeter.Panic", &greet.HelloRequest{}), new(greet.HelloReply))
	check("call", err, "panic recovered: greeter: a panic, as ordered")
	s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.PanicLater", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var rsp greet.HelloReply
	if err := s.Recv(&rsp); err != nil || rsp.GetGreeting() != "so far" {
		t.Fatalf("got %q, %v, want what came before the panic", rsp.GetGreeting(), err)
	}
	check("stream", s.Recv(&rsp), "panic recovered: a panic in a stream")
}
