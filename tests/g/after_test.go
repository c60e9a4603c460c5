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
	"example.com/mailcall/transport/http"
)

// sink is a server that counts what it is sent and answers nothing. It reads
// only after it was let go.
type sink struct {
	address string
	dialled chan struct{}
	begin   chan struct{}
	ended   chan int64 // the bytes of a connection that is over
	work    sync.WaitGroup
}

func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: l.Addr().String(), dialled: make(chan struct{}, 100), begin: make(chan struct{}), ended: make(chan int64, 100)}
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
		s.work.Wait()
	})
	return s
}

func (s *sink) read(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	s.dialled <- struct{}{}
	<-s.begin
	n, _ := io.Copy(io.Discard, conn) // until the client ends it, in order or not
	s.ended <- n
}

// G6: once the caller has its answer nothing is sent any more on its behalf:
// the attempt that waits is given up where the server sees it, and no other
// follows, whatever was left of retries.
func TestG6NothingAfterTheAnswer(t *testing.T) {
	for name, end := range map[string]func() (context.Context, context.CancelFunc){
		"cancel": func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) },
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 100*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			server := mailcalltest.Start(t, g.handler())
			client := start(t, api.WithAddress(server.Address()), api.WithIdempotent(true),
				api.WithRetries(20), api.WithBackoffBounds(0, 0))
			ctx, cancel := end()
			defer cancel()
			over := make(chan error, 1)
			go func() { over <- call(ctx, client, hello) }()
			await(t, "the first attempt", g.hits)
			if name == "cancel" {
				cancel()
			}
			if err := await(t, "the answer", over); !errors.Is(err, ctx.Err()) {
				t.Errorf("got %v, want %v", err, ctx.Err())
			}
			await(t, "the end of the attempt at the server", g.gone)
			// Other calls pass; whatever the first still had to send would
			// have come before or between them.
			for range 50 {
				if err := call(within(t), client, "Greeter.Fail"); err == nil {
					t.Fatal("got no error, want the service's 400")
				}
			}
			mailcalltest.AssertCalls(t, server, hello, 1)
			if got := server.Endpoint(hello).Abandoned; got != 1 {
				t.Errorf("got %d abandoned requests, want 1", got)
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
	await(t, "the connection", s.dialled)
	cancel()
	if err := await(t, "the answer", done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(s.begin)
	if got := await(t, "the end of the connection", s.ended); got >= size {
		t.Errorf("got all %d bytes, want less than %d", got, size)
	}
	client.Close(within(t))
	if got := len(s.dialled); got != 0 {
		t.Errorf("got %d more connections, want none", got)
	}
}
