// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/grpc"
)

// TestTooLargeRequestIsTriedOnce sends a request that is over the limit of the transport:
// no other attempt can do better, and nothing was sent.
func TestTooLargeRequestIsTriedOnce(t *testing.T) {
	const limit = 1 << 10
	over, err := grpc.New(grpc.WithMaxMessage(limit))
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t)
	c, err := api.New(api.WithTransport(over), api.WithAddress(address, address), api.WithRetries(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	err = c.Call(t.Context(), c.NewRequest("raw", "Echo.Bytes", &codec.Frame{Data: make([]byte, limit+1)}), new(codec.Frame))
	if !errors.Is(err, rpcerr.ErrMessageTooLarge) {
		t.Errorf("got %v, want ErrMessageTooLarge", err)
	}
	failed, is := errors.AsType[*rpcerr.CallError](err)
	if !is || len(failed.Attempts) != 1 {
		t.Fatalf("got %v, want the error of a call with one attempt", err)
	}
	if a := failed.Attempts[0]; a.Phase != rpcerr.PhaseSend || a.Proof != rpcerr.NotSent {
		t.Errorf("got phase %v and proof %v, want %v and %v", a.Phase, a.Proof, rpcerr.PhaseSend, rpcerr.NotSent)
	}
}
