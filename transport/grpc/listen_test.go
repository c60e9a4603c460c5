// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
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
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

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
