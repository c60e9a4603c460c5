// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"example.com/mailcall/transport"
)

// pairUp returns a raw client and the server's end of its connection.
func pairUp(t *testing.T) (net.Conn, transport.Conn) {
	t.Helper()
	ln, err := newTransport(t).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Address())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}

// TestHeaderAsHandlersSeeIt checks the list that a captured Echo handler saw,
// without the two fields that the server itself adds.
func TestHeaderAsHandlersSeeIt(t *testing.T) {
	client, server := pairUp(t)
	if _, err := client.Write(fixture(t, "http-metadata.request")); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := server.Recv(&m); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range m.Header {
		got = append(got, f.Name+"="+f.Value)
	}
	slices.Sort(got)
	want := []string{"Accept=application/json", "Authorization=Bearer t", "Content-Length=27", "Content-Type=application/json", "Foo-Bar=b",
		"Micro-Endpoint=Greeter.Echo", "Micro-From-Service=web", "Micro-Id=0", "Micro-Method=Greeter.Echo", "Micro-Service=greeter",
		"Timeout=5000000000", "User-Agent=Go-http-client/1.1", "X-Lower=a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHalfCloseDropsTheWork(t *testing.T) {
	client, server := pairUp(t)
	if _, err := client.Write(fixture(t, "raw-halfclose-after-request.request")); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := server.Recv(&m); err != nil {
		t.Fatal(err)
	}
	if err := server.Recv(new(transport.Message)); err != io.EOF {
		t.Fatalf("got %v, want io.EOF", err)
	}
	if err := server.Send(&m); !errors.Is(err, transport.ErrNotSent) {
		t.Fatalf("got %v, want ErrNotSent", err)
	}
	if b, err := io.ReadAll(client); len(b) != 0 || err != nil {
		t.Fatalf("got %q, %v, want a close without an answer", b, err)
	}
}

func TestHalfCloseIsSeenWithoutRecv(t *testing.T) {
	client, server := pairUp(t)
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := server.Recv(&m); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	// The FIN takes a moment over loopback; then sending fails. It never blocks.
	var err error
	for err == nil {
		err = server.Send(&transport.Message{Body: []byte("x")})
	}
	if err := server.Recv(&m); err == nil {
		t.Fatal("got a message, want an error after the connection has ended")
	}
}

func TestLaterRequestMayCloseAndCannotChangeTheEcho(t *testing.T) {
	client, server := pairUp(t)
	first, second := "GET /a HTTP/1.1\r\nHost: x\r\nA: 1\r\nA: 2\r\nB: 1\r\n\r\n", "PUT /b HTTP/1.1\r\nhost: x\r\nb: 2\r\nConnection: Close\r\n\r\n"
	if _, err := client.Write([]byte(first + second)); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	for range 2 {
		if err := server.Recv(&m); err != nil {
			t.Fatal(err)
		}
		if err := server.Send(&transport.Message{Header: transport.Header{{Name: "c", Value: "x\r\ny"}, {Name: "C", Value: "second"}, {Name: "Host", Value: "no"}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Recv(&m); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
	got, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	const fields = "A: 1\r\nA: 2\r\nB: 1\r\nC: x  y\r\nContent-Length: 0\r\n\r\n"
	want := "HTTP/1.1 200 OK\r\n" + fields + "HTTP/1.1 200 OK\r\nConnection: close\r\n" + fields
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRequestFaults(t *testing.T) {
	tests := map[string]struct {
		request string
		want    error
	}{
		"garbage":             {"\x00\x01\x02\r\n\r\n", transport.ErrProtocol},
		"http/2 preface":      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", transport.ErrProtocol},
		"tls hello":           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\n", transport.ErrProtocol},
		"two lengths":         {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", transport.ErrProtocol},
		"length and chunks":   {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", transport.ErrProtocol},
		"unknown encoding":    {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", transport.ErrProtocol},
		"over the body limit": {"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", transport.ErrTooLarge},
		"cut off":             {"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab", io.ErrUnexpectedEOF},
		"nothing":             {"", io.EOF},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, server := pairUp(t)
			if _, err := client.Write([]byte(tt.request)); err != nil {
				t.Fatal(err)
			}
			_ = client.(*net.TCPConn).CloseWrite()
			if err := server.Recv(new(transport.Message)); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err := server.Send(request("x")); !errors.Is(err, transport.ErrNotSent) {
				t.Fatalf("got %v, want ErrNotSent", err)
			}
		})
	}
}
