// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	mailcallgrpc "example.com/mailcall/transport/grpc"
)

// rawCodec passes bytes through the server.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "bytes" }
func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

var _ encoding.Codec = rawCodec{}

// uniform reports whether all bytes are the same.
func uniform(b []byte) bool {
	return len(b) > 0 && bytes.Count(b, b[:1]) == len(b)
}

// TestBodiesOfCallsThatWereGivenUp cancels calls at every stage while they write bodies
// that each consist of one byte value. Other calls reuse their memory; no server may
// receive a mixture.
func TestBodiesOfCallsThatWereGivenUp(t *testing.T) {
	var mixed, served atomic.Int64
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		var in []byte
		if err := s.RecvMsg(&in); err != nil {
			return err
		}
		served.Add(1)
		if !uniform(in) {
			mixed.Add(1)
		}
		return s.SendMsg(&in)
	}))
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	over, err := mailcallgrpc.New()
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.New(api.WithTransport(over), api.WithAddress(ln.Addr().String()), api.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })

	const callers, calls, size = 16, 40, 96 << 10
	var crew sync.WaitGroup
	for g := range callers {
		crew.Go(func() {
			for i := range calls {
				value := byte(g*calls + i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
				var reply codec.Frame
				err := c.Call(ctx, c.NewRequest("raw", "Echo.Bytes", &codec.Frame{Data: bytes.Repeat([]byte{value}, size)}), &reply)
				cancel()
				if err == nil && (len(reply.Data) != size || !uniform(reply.Data) || reply.Data[0] != value) {
					t.Error(fmt.Errorf("got a reply of %d bytes that is not the request's", len(reply.Data)))
				}
			}
		})
	}
	crew.Wait()
	if n := mixed.Load(); n > 0 || served.Load() == 0 {
		t.Errorf("got %d mixed bodies among %d, want none", n, served.Load())
	}
}
