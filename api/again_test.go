// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// failsFirst answers every other request with an error.
func failsFirst() mailcalltest.Option {
	var n atomic.Int64
	return mailcalltest.WithHandlers(mailcalltest.Handle(hello,
		func(_ context.Context, req *greet.HelloRequest, rsp *greet.HelloReply) error {
			if n.Add(1)%2 == 1 {
				return rpcerr.New("greeter", 503, "not now")
			}
			rsp.Greeting = "Hello " + req.GetName()
			return nil
		}))
}

// A call whose memory served one before that could not be encoded encodes its own request
// again for another attempt.
func TestRetryAfterAnotherCallThatWasUnfit(t *testing.T) {
	over, err := tcp.New() // it takes the encoded request over, so that another attempt has to make it anew
	if err != nil {
		t.Fatal(err)
	}
	server := mailcalltest.StartOn(t, over, "127.0.0.1:0", failsFirst())
	c := start(t, api.WithTransport(over), api.WithAddress(server.Address()),
		api.WithRetry(api.RetryAlways), api.WithRetryBudget(0, 0, 0))
	for range 20 {
		unfit := c.NewRequest("greeter", hello, &greet.HelloRequest{}, api.WithContentType("application/octet-stream"))
		if err := c.Call(within(t), unfit, new(codec.Frame), api.WithRetries(0)); err == nil {
			t.Fatal("got an answer to what cannot be encoded, want an error")
		}
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
}

// A backoff function that says less than nothing wants no wait, and not that of the client.
func TestNegativeBackoff(t *testing.T) {
	server := mailcalltest.Start(t, failsFirst())
	c := start(t, api.WithAddress(server.Address()), api.WithRetry(api.RetryAlways), api.WithBackoffBounds(time.Hour, time.Hour),
		api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) { return -time.Second, nil }))
	if err := greetAnn(within(t), c); err != nil {
		t.Errorf("got %v, want the answer of the second attempt", err)
	}
	failed := errors.New("no idea")
	err := greetAnn(within(t), c, api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) { return 0, failed }))
	if !errors.Is(err, failed) {
		t.Errorf("got %v, want %v", err, failed)
	}
}

// The header of a reply stays as it is, whatever the connection receives later.
func TestReplyHeaderIsTheCallers(t *testing.T) {
	script := mailcalltest.Script{
		mailcalltest.Garbage(reply(`{"greeting":"Hello Ann"}`, isJSON, "X-Number: one")),
		mailcalltest.Garbage(reply(`{"greeting":"Hello Ann"}`, isJSON, "X-Other: two")),
	}
	server := mailcalltest.Start(t, mailcalltest.WithScript(script))
	c := start(t, api.WithAddress(server.Address()), api.WithDefaultContentType("application/json"))
	var first transport.Header
	if err := greetAnn(within(t), c, api.WithReplyHeader(&first)); err != nil {
		t.Fatal(err)
	}
	before := first.Clone()
	if err := greetAnn(within(t), c); err != nil {
		t.Fatal(err)
	}
	if first.Get("X-Number") != "one" || !slices.Equal(first, before) {
		t.Errorf("got header %v after another call, want %v", first, before)
	}
	if got := server.Connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}
