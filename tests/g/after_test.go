// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport/http"
)

// sink is a server that counts what it is sent and answers nothing. It reads
// one byte, and the rest only after it was let go.
type sink struct {
	address string
	begun   chan struct{}
	begin   chan struct{}
	release func()     // closes begin
	ended   chan int64 // the bytes of a connection that is over
	work    sync.WaitGroup
}

func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: l.Addr().String(), begun: make(chan struct{}, 100), begin: make(chan struct{}), ended: make(chan int64, 100)}
	s.release = sync.OnceFunc(func() { close(s.begin) })
	s.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.read(conn) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		s.release()
		s.work.Wait()
	})
	return s
}

func (s *sink) read(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return
	}
	s.begun <- struct{}{}
	<-s.begin
	n, _ := io.Copy(io.Discard, conn) // until the client ends it, in order or not
	s.ended <- n + 1
}

// G6: once the caller has its answer nothing is sent any more on its behalf:
// the attempt that waits is given up where the server sees it, and no other
// follows, whatever was left of retries.
func TestG6NothingAfterTheAnswer(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func() (context.Context, context.CancelFunc)
		want error
	}{
		{"cancel", func() (context.Context, context.CancelFunc) {
			return context.WithCancel(context.Background())
		}, context.Canceled},
		{"deadline", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 100*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := mailcalltest.Start(t)
			server.Pause()
			client := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true),
				api.WithRetries(20), api.WithBackoffBounds(0, 0))
			ctx, cancel := tc.end()
			defer cancel()
			over := make(chan error, 1)
			go func() { over <- call(ctx, client, hello) }()
			kit.Until(t, "the first attempt", func() bool { return server.Calls(hello) == 1 })
			if tc.want == context.Canceled {
				cancel()
			}
			if err := await(t, "the answer", over); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			kit.Until(t, "the end of the attempt at the server", func() bool { return server.Endpoint(hello).Abandoned == 1 })
			server.Resume()
			// Other calls pass; whatever the first still had to send would
			// have come before or between them.
			for range 50 {
				if err := call(within(t), client, "Greeter.Fail"); err == nil {
					t.Fatal("got no error, want the service's 400")
				}
			}
			mailcalltest.AssertCalls(t, server, hello, 1)
			if got := server.Connections(); got != 2 {
				t.Errorf("got %d connections, want 2: that of the first attempt is of no more use", got)
			}
		})
	}
}

// A call that ends while it waits for its next attempt makes none.
func TestG6CancelledBackoffSendsNothing(t *testing.T) {
	all, addresses := fleet(t, 2)
	for _, r := range all {
		r.SetScript(mailcalltest.Script{mailcalltest.Close().Times(100)})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := start(t, api.WithAddress(addresses...), api.WithIdempotent(true),
		api.WithBackoff(func(context.Context, api.Request, int) (time.Duration, error) {
			cancel()
			return 0, nil
		}))
	if err := call(ctx, client, hello); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	client.Close(within(t))
	if counts, sum := calls(all); sum > 2 {
		t.Errorf("got %v requests, want no more than were sent before the answer", counts)
	}
}

// A request that is half written stays so: a peer that reads only after the
// caller was answered never sees the rest.
func TestG6HalfARequestStaysHalf(t *testing.T) {
	const size = 24 << 20 // more than the buffers of a loopback socket hold
	over, err := http.New(http.WithMaxMessage(2 * size))
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(t)
	client := start(t, api.WithTransport(over), api.WithAddress(s.address))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := client.NewRequest("greeter", "Greeter.Raw", &codec.Frame{Data: make([]byte, size)},
		api.WithContentType("application/octet-stream"))
	done := make(chan error, 1)
	go func() { done <- client.Call(ctx, req, new(codec.Frame)) }()
	await(t, "the first byte", s.begun)
	cancel()
	if err := await(t, "the answer", done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s.release()
	if got := await(t, "the end of the connection", s.ended); got >= size {
		t.Errorf("got all %d bytes, want less than %d", got, size)
	}
	client.Close(within(t))
	if got := len(s.begun); got != 0 {
		t.Errorf("got %d more requests, want none", got)
	}
}
