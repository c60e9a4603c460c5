// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

// With go-micro's protocol a second answer to a request is not taken for that to the next
// one. A client whose numbers start again is served nevertheless.
func TestGobAnsweredTwice(t *testing.T) {
	tr, err := tcp.New(tcp.WithWire(tcp.Gob))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := tr.Dial(t.Context(), l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	var server transport.Conn
	for _, id := range []string{"0", "1", "0", "1"} {
		request := transport.Message{Header: transport.Header{{Name: "Micro-ID", Value: id}}}
		if err := client.Send(&request); err != nil {
			t.Fatal(err)
		}
		if server == nil { // it is accepted with its first bytes
			if server, err = l.Accept(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
		}
		var got, back transport.Message
		if err := server.Recv(&got); err != nil || got.Header.Get("Micro-ID") != id {
			t.Fatalf("got request %q, %v, want %s", got.Header.Get("Micro-ID"), err, id)
		}
		for range 2 {
			if err := server.Send(&got); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Recv(&back); err != nil || back.Header.Get("Micro-ID") != id {
			t.Fatalf("got the answer to %q, %v, want that to %s", back.Header.Get("Micro-ID"), err, id)
		}
	}
}
