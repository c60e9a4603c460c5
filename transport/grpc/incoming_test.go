// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

func TestOpening(t *testing.T) {
	openings := make(chan transport.Header, 1)
	l := respond(t, "127.0.0.1:0", func(in transport.Incoming) {
		openings <- in.Opening()
		if in.Unary() {
			t.Error("got a unary exchange, want one that is not known to be")
		}
		_ = in.End(&transport.Message{})
	})
	c := dial(t, l.Address())
	for _, tc := range []struct{ service, endpoint, contentType, wantService, wantEndpoint, wantType string }{
		{"greeter", "Greeter.Hello", "application/grpc", "greeter", "Greeter.Hello", "application/protobuf"},
		{"", "Greeter.Hello", "application/json", "", "Greeter.Hello", "application/json"},
		{"x", "/greet.v1.Greeter/Hello", "application/grpc+bytes", "greet.v1", "Greeter.Hello", "application/octet-stream"},
		{"a.b", "Greeter.Hello", "application/msgpack", "a.b", "Greeter.Hello", "application/msgpack"},
	} {
		m := &transport.Message{Header: transport.Header{
			{Name: "Content-Type", Value: tc.contentType}, {Name: "Micro-Service", Value: tc.service},
			{Name: "Micro-Endpoint", Value: tc.endpoint}, {Name: "Timeout", Value: "7"}, {Name: "Authorization", Value: "Bearer t"},
		}}
		if err := c.Exchange(bound(t), time.Time{}, m, &transport.Message{}); err != nil {
			t.Fatal(err)
		}
		h := <-openings
		for name, want := range map[string]string{
			"Micro-Service": tc.wantService, "Micro-Endpoint": tc.wantEndpoint, "Micro-Method": tc.wantEndpoint,
			"Content-Type": tc.wantType, "Timeout": "7", "authorization": "Bearer t", ":authority": l.Address(), "x-content-type": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s %s: got %s %q, want %q", tc.service, tc.endpoint, name, got, want)
			}
		}
	}
}

func TestListenerErrors(t *testing.T) {
	l := respond(t, "127.0.0.1:0", mirror)
	c := dial(t, l.Address())
	for text, want := range map[string]struct {
		code codes.Code
		wire string
	}{
		`{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`: {codes.NotFound, ""},
		`{"id":"greeter.fail","code":799,"detail":"odd"}`:                                {codes.Unknown, ""},
		`{"id":"greeter.fail","detail":"no code"}`:                                       {codes.Unknown, ""},
		"rpc: can't find service Nope":                                                   {codes.Unimplemented, `{"id":"go.micro.client","code":501,"detail":"unknown service Nope","status":"Not Implemented"}`},
		"rpc: can't find method Any":                                                     {codes.Unimplemented, `{"id":"go.micro.client","code":501,"detail":"unknown service TestService.Any","status":"Not Implemented"}`},
		"context deadline exceeded":                                                      {codes.DeadlineExceeded, `{"id":"go.micro.client","code":408,"detail":"context deadline exceeded","status":"Request Timeout"}`},
		"EOF":                                                                            {codes.OutOfRange, `{"id":"go.micro.client","code":500,"detail":"EOF","status":"Internal Server Error"}`},
		"plain failure":                                                                  {codes.Unknown, `{"id":"go.micro.client","code":500,"detail":"plain failure","status":"Internal Server Error"}`},
	} {
		var reply transport.Message
		m := request(t, "Any", nil)
		m.Body = []byte("error:" + text)
		err := c.Exchange(bound(t), time.Time{}, m, &reply)
		wantIs(t, err, transport.ErrAnswered)
		if st, _ := status.FromError(err); st.Code() != want.code {
			t.Errorf("got %v for %s, want %s", st, text, want.code)
		}
		if want.wire == "" {
			want.wire = text
		}
		var wire *rpcerr.Error
		if !errors.As(err, &wire) || wire.Error() != want.wire {
			t.Errorf("got %v, want %s", wire, want.wire)
		}
		if reply.Trailer.Get("last") != "words" {
			t.Errorf("got trailer %v, want the last words", reply.Trailer)
		}
	}
}

func TestListenerStreams(t *testing.T) {
	l := respond(t, "127.0.0.1:0", mirror)
	c := dial(t, l.Address())
	s := open(t, c, bound(t), "Bidi")
	var m transport.Message
	for _, body := range []string{"a", "", "c"} {
		if err := s.Send(&transport.Message{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Recv(&m); err != nil || string(m.Body) != body {
			t.Fatalf("got %q, %v, want %q", m.Body, err, body)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.Recv(&m), io.EOF)
}

func TestIncomingContext(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	l := respond(t, "127.0.0.1:0", func(in transport.Incoming) {
		close(entered)
		<-in.Context().Done()
		err := errors.Join(in.Recv(&transport.Message{}), in.Send(&transport.Message{}))
		ended <- err
		_ = in.End(nil)
	})
	c := dial(t, l.Address())
	ctx, cancel := context.WithCancel(bound(t))
	s := open(t, c, ctx, "Any")
	<-entered // a stream that is cancelled right after its opening may never be sent
	cancel()
	wantIs(t, <-ended, context.Canceled)
	wantIs(t, s.Recv(&transport.Message{}), context.Canceled)
}
