// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

func newMucp(t testing.TB, opts ...mailgrpc.Option) *mailgrpc.Mucp {
	t.Helper()
	tr, err := mailgrpc.NewMucp(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// exclusive has the methods of every connection of go-micro's grpc transport.
type exclusive interface {
	transport.Exclusive
	transport.Peer
}

// pair returns the two ends of a connection.
func pair(t testing.TB, opts ...mailgrpc.Option) (client exclusive, server transport.Conn) {
	t.Helper()
	tr := newMucp(t, opts...)
	l, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := tr.Dial(bound(t), l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return c.(exclusive), server
}

func TestMucpMessages(t *testing.T) {
	client, server := pair(t)
	big := slices.Repeat([]byte("x"), 1<<20)
	for _, want := range []transport.Message{
		{},
		{Header: transport.Header{{Name: "Micro-ID", Value: "7"}, {Name: "ä", Value: "ö"}, {Name: "Empty", Value: ""}}},
		{Header: transport.Header{{Name: "A", Value: "1"}}, Body: []byte("body")},
		{Body: big},
	} {
		var got, back transport.Message
		if err := client.Send(&want); err != nil {
			t.Fatal(err)
		}
		if err := server.Recv(&got); err != nil {
			t.Fatal(err)
		}
		if err := server.Send(&got); err != nil {
			t.Fatal(err)
		}
		if err := client.Recv(&back); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(back.Header, want.Header) || string(back.Body) != string(want.Body) {
			t.Errorf("got header %v and %d bytes, want %v and %d", back.Header, len(back.Body), want.Header, len(want.Body))
		}
	}
	peer := server.(transport.Peer)
	if client.RemoteAddress() != peer.LocalAddress() || client.LocalAddress() != peer.RemoteAddress() {
		t.Errorf("got addresses %s, %s and %s, %s that do not match", client.LocalAddress(), client.RemoteAddress(), peer.LocalAddress(), peer.RemoteAddress())
	}
}

func TestMucpLimits(t *testing.T) {
	client, server := pair(t, mailgrpc.WithMaxMessage(100))
	for name, m := range map[string]transport.Message{
		"body":   {Body: make([]byte, 101)},
		"header": {Header: transport.Header{{Name: "A", Value: strings.Repeat("x", 65<<10)}}},
		"fields": {Header: make(transport.Header, 1025)},
	} {
		wantIs(t, client.Send(&m), transport.ErrTooLarge, transport.ErrNotSent)
		wantIs(t, server.Send(&m), transport.ErrTooLarge, transport.ErrNotSent)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if err := client.Send(&transport.Message{Body: make([]byte, 100)}); err != nil {
		t.Error(err)
	}
}

func TestMucpEnds(t *testing.T) {
	client, server := pair(t)
	var m transport.Message
	if !client.Ready(0) {
		t.Error("got a fresh connection that is not ready")
	}
	_ = server.Close()
	if err := client.Recv(&m); err != io.EOF {
		t.Errorf("got %v from a server that has closed, want io.EOF", err)
	}
	if client.Ready(0) {
		t.Error("got a connection that is ready after its end")
	}
	wantIs(t, server.Send(&m), net.ErrClosed)

	client, server = pair(t)
	_ = client.Close()
	if err := server.Recv(&m); err != io.EOF {
		t.Errorf("got %v from a client that has closed, want io.EOF", err)
	}
	wantIs(t, client.Send(&m), net.ErrClosed, transport.ErrNotSent)
	wantIs(t, client.Recv(&m), net.ErrClosed)
}

func TestMucpBounds(t *testing.T) {
	var m transport.Message
	client, _ := pair(t)
	client.Bind(bound(t), time.Now().Add(20*time.Millisecond))
	if err := client.Send(&m); err != nil {
		t.Fatal(err)
	}
	wantIs(t, client.Recv(&m), os.ErrDeadlineExceeded)
	if client.Ready(0) {
		t.Error("got a connection that is ready after a reply that did not come")
	}

	client, _ = pair(t)
	ctx, cancel := context.WithCancel(bound(t))
	client.Bind(ctx, time.Time{})
	timer := time.AfterFunc(20*time.Millisecond, cancel)
	defer timer.Stop()
	wantIs(t, client.Recv(&m), context.Canceled)

	client, _ = pair(t)
	timer = time.AfterFunc(20*time.Millisecond, client.Interrupt)
	defer timer.Stop()
	wantIs(t, client.Recv(&m), transport.ErrInterrupted)
	wantIs(t, client.Send(&m), transport.ErrInterrupted, transport.ErrNotSent)

	// A bound that passes between two exchanges has no effect.
	client, server := pair(t)
	for range 3 {
		ctx, cancel := context.WithCancel(bound(t))
		client.Bind(ctx, time.Now().Add(patience))
		if err := errors.Join(client.Send(&m), server.Recv(&m), server.Send(&m), client.Recv(&m)); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	client.Bind(bound(t), time.Now().Add(100*time.Millisecond))
	large := transport.Message{Body: make([]byte, 1<<20)}
	var err error
	for err == nil {
		err = client.Send(&large)
	}
	wantIs(t, err, os.ErrDeadlineExceeded)
}

func TestMucpToAnotherServer(t *testing.T) {
	address, _ := startStock(t, nil)
	c, err := newMucp(t).Dial(bound(t), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.Send(&transport.Message{}) // it fails or not, depending on timing
	err = c.Recv(&transport.Message{})
	wantIs(t, err, transport.ErrProtocol)
	if err == nil || !strings.Contains(err.Error(), "but perhaps native gRPC") {
		t.Errorf("got %v, want one that says what the server speaks", err)
	}
}

func TestMucpDialIsBounded(t *testing.T) {
	address := handmade(t, (*peer).rest, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
	ctx, cancel := context.WithTimeout(bound(t), 50*time.Millisecond)
	defer cancel()
	_, err := newMucp(t).Dial(ctx, address)
	wantIs(t, err, transport.ErrNotSent, context.DeadlineExceeded)
}

func TestMucpListenerCloses(t *testing.T) {
	tr := newMucp(t)
	l, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := tr.Dial(bound(t), l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = l.Accept()
	wantIs(t, err, net.ErrClosed)
	var m transport.Message
	if err := errors.Join(c.Send(&m), server.Recv(&m)); err != nil {
		t.Errorf("got %v on a connection that was accepted, want none", err)
	}
	_, err = tr.Dial(bound(t), l.Address())
	wantIs(t, err, transport.ErrNotSent)
}

func TestMucpCaptures(t *testing.T) {
	text := `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`
	for _, tc := range []struct{ name, id, contentType, err, body string }{
		{"grpctransport-unary-json", "0", "application/json", "", `{"greeting":"Hello Ann"}` + "\n"},
		{"grpctransport-unary-protobuf", "0", "application/protobuf", "", "\n\tHello Ann"},
		{"grpctransport-error-404", "0", "application/json", text, ""},
		{"grpctransport-stream-bidi", "0", "application/json", "", `{"greeting":"Hello m0"}` + "\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.name)
			sent := mailgrpc.DecodePackets(t, c.request.data)
			got := make(chan *seen, 1)
			address, requests := replay(t, c, func(s *seen) bool { return len(s.data) >= len(c.request.data) })
			go func() { got <- <-requests }()
			conn, err := newMucp(t).Dial(bound(t), address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for i := range sent {
				if err := conn.Send(&sent[i]); err != nil {
					t.Fatal(err)
				}
			}
			sameRequest(t, <-got, &c.request)
			var m transport.Message
			if err := conn.Recv(&m); err != nil {
				t.Fatal(err)
			}
			show := func(m *transport.Message) string {
				return fmt.Sprintf("%s %s %s %q", m.Header.Get("Micro-ID"), m.Header.Get("Content-Type"), m.Header.Get("Micro-Error"), m.Body)
			}
			want := transport.Message{Header: transport.Header{{Name: "Micro-ID", Value: tc.id}, {Name: "Content-Type", Value: tc.contentType}, {Name: "Micro-Error", Value: tc.err}}, Body: []byte(tc.body)}
			if show(&m) != show(&want) {
				t.Errorf("got %s, want %s", show(&m), show(&want))
			}
		})
	}
}
