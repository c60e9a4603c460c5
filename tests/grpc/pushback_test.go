// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	stock "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/mailcall/api"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport/grpc"
)

// TestPushback: grpc-retry-pushback-ms of the server takes precedence over the caller's
// retry settings (gRPC A6).
func TestPushback(t *testing.T) {
	const pause = 40 * time.Millisecond
	for _, c := range []struct {
		name, pushback string
		attempts       int
		decision       string
	}{
		{"later", "40", 2, "retry in 40ms, as the server asks: executed"},
		{"never", "-1", 1, "stop: the server wants no other attempt"},
		{"what cannot be read", "soon", 1, "stop: the server wants no other attempt"},
		{"at once", "0", 2, "as the server asks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			times := make(chan time.Time, 2)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := stock.NewServer(stock.UnknownServiceHandler(func(_ any, s stock.ServerStream) error {
				times <- time.Now()
				s.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", c.pushback))
				return status.Error(codes.ResourceExhausted, "too much to do")
			}))
			done := make(chan error, 1)
			go func() { done <- server.Serve(ln) }()
			t.Cleanup(func() {
				server.Stop()
				<-done
			})
			over, err := grpc.New()
			if err != nil {
				t.Fatal(err)
			}
			client, err := api.New(api.WithTransport(over), api.WithAddress(ln.Addr().String()), api.WithRetries(1),
				api.WithRetry(func(context.Context, api.Request, int, error) (bool, error) { return true, nil }))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close(context.Background()) })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err = client.Call(ctx, client.NewRequest("busy", "Busy.Call", &emptypb.Empty{}), &emptypb.Empty{})
			var failed *rpcerr.CallError
			if !errors.As(err, &failed) || len(failed.Attempts) != c.attempts {
				t.Fatalf("got %v, want a failure after %d attempts", err, c.attempts)
			}
			if got := failed.Attempts[0].Decision; got != c.decision && c.name != "at once" {
				t.Errorf("got decision %q, want %q", got, c.decision)
			}
			first := <-times
			if c.name == "later" {
				if got := (<-times).Sub(first); got < pause {
					t.Errorf("got another attempt after %s, want none before %s", got, pause)
				}
			}
		})
	}
}
