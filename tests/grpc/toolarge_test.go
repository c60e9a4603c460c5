// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/tests/conformance"
	"example.com/mailcall/transport/grpc"
)

// TestTooLargeRequestIsTriedOnce sends a request that is over the limit of the transport.
func TestTooLargeRequestIsTriedOnce(t *testing.T) {
	const limit = 1 << 10
	over, err := grpc.New(grpc.WithMaxMessage(limit))
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.New(api.WithTransport(over), api.WithAddress(serve(t)), api.WithRetries(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	conformance.TooLarge(t, c.Call(t.Context(), c.NewRequest("raw", "Echo.Bytes", &codec.Frame{Data: make([]byte, limit+1)}), new(codec.Frame)))
}
