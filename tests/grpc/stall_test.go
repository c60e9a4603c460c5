// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/mailcall/api"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport/grpc"
)

// The timeout of an attempt may be as long as that of the dial and expire first; its
// error says what the dial was doing.
func TestErrorSaysWhatTheDialStoodAt(t *testing.T) {
	silent := kit.NewSink(t).Address
	for _, c := range []struct {
		name string
		opts []grpc.Option
		at   string
	}{
		{"plain", nil, "while waiting for the server's HTTP/2 preface"},
		{"TLS", []grpc.Option{grpc.WithTLS(&tls.Config{MinVersion: tls.VersionTLS12})}, "while shaking hands for TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			over, err := grpc.New(c.opts...)
			if err != nil {
				t.Fatal(err)
			}
			client := kit.Start(t, api.WithTransport(over), api.WithAddress(silent), api.WithRetries(0),
				api.WithAttemptTimeout(300*time.Millisecond))
			err = client.Call(context.Background(), client.NewRequest("grpc.testing", "TestService.EmptyCall", &emptypb.Empty{}), &emptypb.Empty{})
			if !errors.Is(err, rpcerr.ErrAttemptTimeout) || !strings.Contains(err.Error(), c.at) {
				t.Errorf("got %v, want %v, %s", err, rpcerr.ErrAttemptTimeout, c.at)
			}
		})
	}
}
