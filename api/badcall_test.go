// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/tcp"
)

// nobody is a foreign implementation of Request, a nil pointer in the interface.
type nobody struct{ theirs }

type theirs = api.Request

// Calls that cannot be meant are refused by name, before anything is dialled.
func TestBadCallsAreRefused(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	ann, rsp := &greet.HelloRequest{Name: "Ann"}, new(greet.HelloReply)
	good := c.NewRequest("greeter", hello, ann)
	past, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	ctx := t.Context()
	opt := func(o ...api.CallOption) []api.CallOption { return o }
	for _, tc := range []struct {
		name string
		ctx  context.Context
		req  api.Request
		rsp  any
		opts []api.CallOption
		want error
		word string
	}{
		{"no context", nil, good, rsp, nil, rpcerr.ErrInvalidArgument, "context"},
		{"no request", ctx, nil, rsp, nil, rpcerr.ErrInvalidArgument, "NewRequest"},
		{"nil request of another type", ctx, (*nobody)(nil), rsp, nil, rpcerr.ErrInvalidArgument, "NewRequest"},
		{"no reply", ctx, good, nil, nil, rpcerr.ErrInvalidArgument, "rsp"},
		{"nil reply", ctx, good, (*greet.HelloReply)(nil), nil, rpcerr.ErrInvalidArgument, "rsp"},
		{"no value", ctx, c.NewRequest("greeter", hello, nil), rsp, nil, rpcerr.ErrInvalidArgument, "value"},
		{"nil value", ctx, c.NewRequest("greeter", hello, (*greet.HelloRequest)(nil)), rsp, nil, rpcerr.ErrInvalidArgument, "value"},
		{"no service", ctx, c.NewRequest("", hello, ann), rsp, nil, rpcerr.ErrInvalidArgument, "service"},
		{"no endpoint", ctx, c.NewRequest("greeter", "", ann), rsp, nil, rpcerr.ErrInvalidArgument, "endpoint"},
		{"deadline past", past, good, rsp, nil, context.DeadlineExceeded, "deadline"},
		{"cancelled", cancelled, good, rsp, nil, context.Canceled, "cancel"},
		{"nil option", ctx, good, rsp, opt(nil), rpcerr.ErrInvalidArgument, "option 1 of 1"},
		{"negative request timeout", ctx, good, rsp, opt(api.WithRequestTimeout(-1)), rpcerr.ErrInvalidArgument, "RequestTimeout"},
		{"negative attempt timeout", ctx, good, rsp, opt(api.WithAttemptTimeout(-1)), rpcerr.ErrInvalidArgument, "AttemptTimeout"},
		{"negative stream timeout", ctx, good, rsp, opt(api.WithStreamTimeout(-1)), rpcerr.ErrInvalidArgument, "StreamTimeout"},
		{"negative hedge", ctx, good, rsp, opt(api.WithHedge(-1)), rpcerr.ErrInvalidArgument, "HedgeAfter"},
		{"negative backoff", ctx, good, rsp, opt(api.WithBackoffBounds(-1, -1)), rpcerr.ErrInvalidArgument, "BackoffBase"},
		{"negative retries", ctx, good, rsp, opt(api.WithRetries(-1)), rpcerr.ErrInvalidArgument, "Retries"},
		{"too many retries", ctx, good, rsp, opt(api.WithRetries(1000)), rpcerr.ErrInvalidArgument, "Retries"},
		{"topic", ctx, good, rsp, opt(api.WithHeader("micro-topic", "news")), rpcerr.ErrInvalidArgument, `Header: "micro-topic"`},
		{"error in the request", ctx, good, rsp, opt(api.WithHeader("Micro-Error", "x")), rpcerr.ErrInvalidArgument, "Micro-Error"},
		{"content type as a header", ctx, good, rsp, opt(api.WithHeader("content-type", "text/html")), rpcerr.ErrInvalidArgument, `Header: "content-type"`},
		{"service as a header", ctx, good, rsp, opt(api.WithHeader("Micro-Service", "other")), rpcerr.ErrInvalidArgument, "Micro-Service"},
		{"empty address", ctx, good, rsp, opt(api.WithAddress("")), rpcerr.ErrInvalidArgument, "Address"},
		{"unknown content type", ctx, c.NewRequest("greeter", hello, ann, api.WithContentType("x/y")), rsp, nil,
			rpcerr.ErrUnsupportedContentType, "WithCodec"},
		{"empty content type", ctx, c.NewRequest("greeter", hello, ann, api.WithContentType("")), rsp, nil,
			rpcerr.ErrUnsupportedContentType, "WithCodec"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := c.Call(tc.ctx, tc.req, tc.rsp, tc.opts...)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if _, n := last(t, err); n != 0 {
				t.Errorf("got %d attempts, want none", n)
			}
			if !strings.Contains(err.Error(), tc.word) {
				t.Errorf("got %q, want it to name %q", err, tc.word)
			}
		})
	}
	if got := server.Connections(); got != 0 {
		t.Errorf("got %d connections, want none", got)
	}
	if err := greetAnn(ctx, c); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Zero is no bound, not a bound of zero.
func TestZeroMeansUnbounded(t *testing.T) {
	server := mailcalltest.Start(t)
	c := start(t, api.WithAddress(server.Address()))
	err := greetAnn(context.Background(), c, api.WithRequestTimeout(0), api.WithAttemptTimeout(0),
		api.WithStreamTimeout(0), api.WithHedge(0), api.WithBackoffBounds(0, 0), api.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	if got := server.Endpoint(hello).Timeouts; got != 0 {
		t.Errorf("got a Timeout of %s, want none", server.Endpoint(hello).LastTimeout)
	}
}

// What cannot be sent fails once, says so, costs the node nothing, and leaves
// the client as it was.
func TestUnsendableRequests(t *testing.T) {
	const mega = 1 << 20
	for _, tc := range []struct {
		name, contentType string
		value             any
		md                metadata.Metadata
		code              int32
		want              error
		word              string
	}{
		{"value that JSON lacks", "application/json", make(chan int), nil, 500, nil, "json"},
		{"struct under protobuf", "application/protobuf", &struct{ A int }{}, nil, 500, nil, "plain structs need application/json"},
		{"body over the limit", "application/octet-stream", &codec.Frame{Data: make([]byte, 5*mega)}, nil, 500, rpcerr.ErrMessageTooLarge, "limit"},
		{"header over the limit", "application/json", &greet.HelloRequest{}, metadata.Metadata{"X": strings.Repeat("x", mega)},
			500, rpcerr.ErrMessageTooLarge, "limit"},
		{"space in a name", "application/json", &greet.HelloRequest{}, metadata.Metadata{"a b": "c"}, 500, transport.ErrInvalid, "a b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := mailcalltest.Start(t)
			c := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true), api.WithBackoffBounds(0, 0))
			ctx := metadata.NewContext(within(t), tc.md)
			err := c.Call(ctx, c.NewRequest("greeter", hello, tc.value, api.WithContentType(tc.contentType)), new(codec.Frame))
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			a, n := last(t, err)
			if n > 1 || n == 1 && (a.Proof != rpcerr.NotSent || a.Phase != rpcerr.PhaseSend) {
				t.Errorf("got %d attempts, phase %s and proof %s, want 1 at most, send and not-sent", n, a.Phase, a.Proof)
			}
			if got := rpcerr.From(err).Code; got != tc.code {
				t.Errorf("got code %d, want %d", got, tc.code)
			}
			if !strings.Contains(err.Error(), tc.word) {
				t.Errorf("got %q, want it to name %q", err, tc.word)
			}
			if err := greetAnn(within(t), c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			for _, s := range c.Runtime().Snapshot().Services {
				for _, node := range s.Nodes {
					if node.Faults != 0 {
						t.Errorf("got %d faults of node %s, want none: it was not its fault", node.Faults, node.Address)
					}
				}
			}
			mailcalltest.AssertCalls(t, server, hello, 1)
		})
	}
}

// A message that the transport refuses costs no connection: nothing was written.
func TestRefusedMessageKeepsTheConnection(t *testing.T) {
	gob, err := tcp.New(tcp.WithWire(tcp.Gob))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := http.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, over := range map[string]interface {
		transport.Transport
		mailcalltest.Listening
	}{"http": plain, "gob": gob} {
		t.Run(name, func(t *testing.T) {
			server := mailcalltest.StartOn(t, over, "127.0.0.1:0")
			c := start(t, api.WithTransport(over), api.WithAddress(server.Address()))
			for range 5 {
				if err := greetAnn(within(t), c); err != nil {
					t.Fatal(err)
				}
				err := greetAnn(within(t), c, api.WithHeader("X-Long", strings.Repeat("x", 1<<20)))
				if a, n := last(t, err); n != 1 || a.Proof != rpcerr.NotSent || !errors.Is(err, rpcerr.ErrMessageTooLarge) {
					t.Errorf("got %v in %d attempts, want ErrMessageTooLarge at once", err, n)
				}
			}
			if got := server.Connections(); got != 1 {
				t.Errorf("got %d connections, want 1", got)
			}
		})
	}
}
