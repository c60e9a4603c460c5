// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

// respond handles each exchange of a listener with f until it is closed.
func respond(t testing.TB, address string, f func(transport.Incoming), opts ...mailgrpc.Option) transport.Listener {
	t.Helper()
	l, err := newTransport(t, opts...).Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer func() { _ = c.Close() }()
				for {
					in, err := c.(transport.Acceptor).Accept()
					if err != nil {
						return
					}
					group.Go(func() { f(in) })
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	return l
}

// mirror answers each message with itself, and sends the opening back as metadata.
func mirror(in transport.Incoming) {
	var m transport.Message
	for first := true; ; first = false {
		switch err := in.Recv(&m); {
		case errors.Is(err, io.EOF):
			_ = in.End(nil)
			return
		case err != nil:
			_ = in.End(nil)
			return
		}
		if first {
			m.Header = in.Opening().Clone()
			m.Header.Add("Micro-Error", "") // no error
		}
		if text := string(m.Body); strings.HasPrefix(text, "error:") {
			_ = in.End(&transport.Message{
				Header:  transport.Header{{Name: "Micro-Error", Value: strings.TrimPrefix(text, "error:")}},
				Trailer: transport.Header{{Name: "Last", Value: "words"}},
			})
			return
		}
		if err := in.Send(&m); err != nil {
			return
		}
	}
}

func TestListener(t *testing.T) {
	l := respond(t, "127.0.0.1:0", mirror)
	c := dial(t, l.Address())
	m := &transport.Message{Header: transport.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "Micro-Service", Value: "greeter"},
		{Name: "Micro-Endpoint", Value: "Greeter.Echo"},
		{Name: "Timeout", Value: "5000000000"},
		{Name: "Foo-Bar", Value: "b"},
		{Name: "foo-bar", Value: "c"},
		{Name: "Raw-Bin", Value: "\x00\xfe"},
	}, Body: []byte("{}")}
	var reply transport.Message
	if err := c.Exchange(bound(t), time.Time{}, m, &reply); err != nil {
		t.Fatal(err)
	}
	if string(reply.Body) != "{}" {
		t.Errorf("got body %q, want {}", reply.Body)
	}
	var got []string
	for _, f := range reply.Header {
		if f.Name == "foo-bar" || f.Name == "raw-bin" {
			got = append(got, f.Value)
		}
	}
	if want := []string{"b", "c", "\x00\xfe"}; !slices.Equal(got, want) {
		t.Errorf("got metadata %q back, want %q", got, want)
	}
	if reply.Header.Get("Micro-Service") != "" {
		t.Errorf("got header %v with a field of the protocol, want none", reply.Header)
	}
}

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

func TestAcceptorIsNoPlainConnection(t *testing.T) {
	tr := newTransport(t)
	l, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := tr.Dial(bound(t), l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wantIs(t, c.Send(&transport.Message{}), transport.ErrInvalid)
	wantIs(t, c.Recv(&transport.Message{}), transport.ErrInvalid)
	if got, want := c.(transport.Peer).RemoteAddress(), client.(transport.Peer).LocalAddress(); got != want {
		t.Errorf("got address %s, want %s", got, want)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = l.Accept()
	wantIs(t, err, net.ErrClosed)
	_ = c.Close()
	_, err = c.(transport.Acceptor).Accept()
	wantIs(t, err, io.EOF)
	await(t, "the client to notice", func() bool { return !client.(transport.Shared).Ready(0) })
}

func TestListenErrors(t *testing.T) {
	l := respond(t, "127.0.0.1:0", mirror)
	if _, err := newTransport(t).Listen(l.Address()); err == nil {
		t.Error("got no error for a port in use, want one")
	}
	if _, err := newMucp(t).Listen(l.Address()); err == nil {
		t.Error("got no error for a port in use, want one")
	}
}

func TestUnixSocket(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "socket")
	l := respond(t, address, mirror)
	if l.Address() != address {
		t.Errorf("got address %q, want %q", l.Address(), address)
	}
	c := dial(t, address)
	m := request(t, "Any", nil)
	m.Body = []byte("x")
	if err := c.Exchange(bound(t), time.Time{}, m, &transport.Message{}); err != nil {
		t.Error(err)
	}
}

// A client of gRPC's library must work with the listener as well.
func TestStockClient(t *testing.T) {
	l := respond(t, "127.0.0.1:0", mirror)
	cc, err := stock.NewClient(l.Address(), stock.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	ctx := metadata.AppendToOutgoingContext(bound(t), "foo", "bar")
	var header metadata.MD
	want, got := simple(10, 0), &testpb.SimpleRequest{}
	err = cc.Invoke(ctx, "/some.Where/Else", want, got, stock.Header(&header))
	if err != nil || !proto.Equal(got, want) || len(header["foo"]) != 1 {
		t.Errorf("got %v, %v and header %v, want the request back", got, err, header)
	}
}
