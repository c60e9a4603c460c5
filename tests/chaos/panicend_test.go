// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
)

// The goodbye of a stream is said on a goroutine that has nobody to tell of a
// panic.
func TestPanicsOfAGoodbyeAreContained(t *testing.T) {
	for _, method := range []string{"bind", "send"} {
		t.Run(method, func(t *testing.T) {
			b := new(bomb)
			server := mailcalltest.Start(t)
			c := kit.Start(t, api.WithTransport(bombTransport{overHTTP(t), b, method}), api.WithAddress(server.Address()))
			s := bidi(t, c)
			b.armed.Store(true)
			if err := s.Close(); err != nil {
				t.Errorf("Close: got %v, want none", err)
			}
			kit.Until(t, "the bomb to go off", func() bool { return !b.armed.Load() })
			goesOn(t, c, b)
		})
	}
}

// bidi is a stream on which a message went both ways.
func bidi(t *testing.T, c *api.Caller) api.Stream {
	t.Helper()
	s, err := c.Stream(kit.Within(t), c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
	if err == nil {
		err = errors.Join(s.Send(&greet.HelloRequest{Name: "Ann"}), s.Recv(new(greet.HelloReply)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A transport that panics when it is told to end what is under way does not
// keep it, whoever tells it.
func TestPanicsOfAnInterruptAreContained(t *testing.T) {
	for name, tc := range map[string]struct {
		opts []api.Option
		end  func(t *testing.T, c *api.Caller, hits <-chan struct{}) error
		want error
	}{
		"end of a call that may hedge": {
			[]api.Option{api.WithIdempotent(true), api.WithHedge(time.Hour)},
			func(t *testing.T, c *api.Caller, hits <-chan struct{}) error {
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- kit.Call(ctx, c) }()
				kit.Await(t, "the call", hits)
				cancel()
				return kit.Await(t, "its end", done)
			},
			context.Canceled,
		},
		"close of the client": {
			[]api.Option{api.WithAttemptTimeout(0), api.WithRequestTimeout(0)},
			func(t *testing.T, c *api.Caller, hits <-chan struct{}) error {
				done := make(chan error, 1)
				go func() { done <- kit.Call(context.Background(), c) }()
				kit.Await(t, "the call", hits)
				c.Close(kit.Over())
				return kit.Await(t, "its end", done)
			},
			rpcerr.ErrClosed,
		},
		"silence after a half-close": {
			[]api.Option{api.WithHalfCloseWait(50 * time.Millisecond)},
			func(t *testing.T, c *api.Caller, _ <-chan struct{}) error {
				s := bidi(t, c)
				defer s.Close()
				return errors.Join(s.CloseSend(), s.Recv(new(greet.HelloReply)))
			},
			io.EOF,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, g := new(bomb), kit.NewGate()
			defer g.Open()
			server := mailcalltest.Start(t, g.Handler())
			c := kit.Start(t, append(tc.opts, api.WithTransport(bombTransport{overHTTP(t), b, "interrupt"}), api.WithAddress(server.Address()))...)
			b.armed.Store(true)
			if err := tc.end(t, c, g.Hits); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			kit.Until(t, "the bomb to go off", func() bool { return !b.armed.Load() })
		})
	}
}
