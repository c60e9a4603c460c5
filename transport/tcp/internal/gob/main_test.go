// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns the two ends of a connection over loopback.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// fed returns a connection to which the peer has sent bytes, and which it has closed.
func fed(t testing.TB, bytes []byte, o gob.Options) *gob.Conn {
	t.Helper()
	client, server := pair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = server.Write(bytes)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	t.Cleanup(func() { _ = client.Close(); <-done })
	return gob.New(client, o)
}

// sent returns what the connection writes for the messages.
func sent(t testing.TB, o gob.Options, messages ...*transport.Message) []byte {
	t.Helper()
	client, server := pair(t)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(server)
		got <- b
	}()
	c := gob.New(client, o)
	for _, m := range messages {
		if err := c.Send(m); err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	return <-got
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func request(body string) *transport.Message {
	return &transport.Message{
		Header: transport.Header{
			{Name: "Micro-Service", Value: "greeter"},
			{Name: "Content-Type", Value: "application/json"},
		},
		Body: []byte(body),
	}
}
