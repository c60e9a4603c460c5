// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"testing"

	"example.com/mailcall/transport"
)

// A second answer to one request is not taken for the answer to the next.
func TestMucpAnsweredTwice(t *testing.T) {
	client, server := pair(t)
	for _, id := range []string{"0", "1", "2"} {
		request := transport.Message{Header: transport.Header{{Name: "Micro-ID", Value: id}}}
		if err := client.Send(&request); err != nil {
			t.Fatal(err)
		}
		var got, back transport.Message
		if err := server.Recv(&got); err != nil {
			t.Fatal(err)
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
