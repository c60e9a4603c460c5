// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/registry"
	memregistry "example.com/mailcall/registry/memory"
	"example.com/mailcall/registry/static"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http"
	"example.com/mailcall/transport/memory"
	"example.com/mailcall/transport/tcp"
)

// wires are the transports that the root module has.
func wires(t *testing.T) map[string]interface {
	transport.Transport
	mailcalltest.Listening
} {
	h, err := http.New()
	if err != nil {
		t.Fatal(err)
	}
	own, err := tcp.New()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := tcp.New(tcp.WithWire(tcp.Gob))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]interface {
		transport.Transport
		mailcalltest.Listening
	}{"http": h, "memory": memory.New(), "tcp": own, "gob": foreign}
}

// eachWire runs a test with a greeter and a client on every wire.
func eachWire(t *testing.T, test func(t *testing.T, c *api.Caller), opts ...api.Option) {
	t.Helper()
	for name, wire := range wires(t) {
		t.Run(name, func(t *testing.T) {
			r := mailcalltest.NewGreeter("greeter")
			t.Cleanup(func() { _ = r.Close() })
			if err := r.Listen(wire, listenAt(name)); err != nil {
				t.Fatal(err)
			}
			opts := append([]api.Option{
				api.WithTransport(wire), api.WithAddress(r.Address()), api.WithHalfCloseWait(shortly),
			}, opts...)
			test(t, start(t, opts...))
		})
	}
}

func listenAt(wire string) string {
	if wire == "memory" {
		return ""
	}
	return "127.0.0.1:0"
}

func openStream(t *testing.T, c api.Client, endpoint string, opts ...api.CallOption) api.Stream {
	t.Helper()
	s, err := c.Stream(within(t), c.NewRequest("greeter", endpoint, &greet.HelloRequest{}), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func send(t *testing.T, s api.Stream, req *greet.HelloRequest) {
	t.Helper()
	if err := s.Send(req); err != nil {
		t.Fatalf("Send: got %v, want none", err)
	}
}

func recv(t *testing.T, s api.Stream) *greet.HelloReply {
	t.Helper()
	rsp := new(greet.HelloReply)
	if err := s.Recv(rsp); err != nil {
		t.Fatalf("Recv: got %v, want a message", err)
	}
	return rsp
}

func TestBidirectionalStream(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Bidi")
		for i := range int64(3) {
			send(t, s, &greet.HelloRequest{Name: "Ann", Count: i})
			if got := recv(t, s); got.GetSeq() != i || got.GetGreeting() != "Hello Ann" {
				t.Errorf("got %v, want Hello Ann and %d", got, i)
			}
		}
		info := c.Runtime().Snapshot().Streams
		if len(info) != 1 || info[0].Sent != 3 || info[0].Received != 3 || info[0].SentBytes == 0 || info[0].ReceivedBytes == 0 {
			t.Errorf("got streams %+v, want one with 3 messages each way", info)
		}
		send(t, s, &greet.HelloRequest{Count: -1}) // the service ends it
		if err := s.Recv(new(greet.HelloReply)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want io.EOF", err)
		}
	})
}

func TestServerStream(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.ServerStream")
		send(t, s, &greet.HelloRequest{Name: "Ann", Count: 5})
		for i := range int64(5) {
			if got := recv(t, s); got.GetSeq() != i {
				t.Errorf("got %d, want %d", got.GetSeq(), i)
			}
		}
		if err := s.Recv(new(greet.HelloReply)); err != io.EOF { // exactly that one: the service said so
			t.Errorf("got %v, want io.EOF", err)
		}
	})
}

// A stream that is opened without a value has the envelope that a server expects.
func TestStreamOpenedWithoutAValue(t *testing.T) {
	r := mailcalltest.Start(t)
	legacy := memregistry.New(&registry.Service{Name: "greeter", Nodes: []*registry.Node{{ID: "old", Address: r.Address()}}})
	current := static.New("greeter", r.Address())
	for _, tc := range []struct {
		contentType string
		in          registry.Registry
	}{
		{"application/json", current},
		{"application/protobuf", current},
		{"application/json-rpc", current},
		{"application/proto-rpc", current},
		{"application/json", legacy},
		{"application/protobuf", legacy},
	} {
		c := start(t, api.WithRegistry(tc.in))
		s, err := c.Stream(within(t), c.NewRequest("greeter", "Greeter.Bidi", nil, api.WithContentType(tc.contentType)))
		if err != nil {
			t.Fatal(err)
		}
		send(t, s, &greet.HelloRequest{Name: "Ann"})
		rsp := new(greet.HelloReply)
		if err := s.Recv(rsp); err != nil || rsp.GetGreeting() != "Hello Ann" {
			t.Errorf("%s, registry %s: got %v and %v, want Hello Ann", tc.contentType, tc.in, rsp, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The half-close is told, the handler's last words still arrive, and the
// silence after them is an end that explains itself.
func TestClientStream(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.ClientStream")
		for i := range int64(4) {
			send(t, s, &greet.HelloRequest{Count: i})
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if got := recv(t, s); got.GetGreeting() != "got 4" || got.GetSeq() != 6 {
			t.Errorf("got %v, want 4 messages and the sum 6", got)
		}
		if err := s.Recv(new(greet.HelloReply)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want an error that matches io.EOF", err)
		}
		if err := s.Send(&greet.HelloRequest{}); err == nil {
			t.Error("Send after CloseSend: got no error, want one")
		}
	})
}

func TestStreamEndsWithTheServicesError(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Bidi")
		send(t, s, &greet.HelloRequest{Code: 409, Detail: "taken"})
		err := s.Recv(new(greet.HelloReply))
		if e := rpcerr.From(err); e == nil || e.Code != 409 || e.Detail != "taken" {
			t.Errorf("got %v, want code 409, taken", err)
		}
		if a, _ := last(t, err); a.Proof != rpcerr.Executed || a.Node == "" {
			t.Errorf("got attempt %+v, want the node and executed", a)
		}
	})
}

func TestUnknownStream(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Nope")
		if err := s.Recv(new(greet.HelloReply)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the service's error", err)
		}
	})
}

func TestStreamTimeout(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Bidi", api.WithStreamTimeout(shortly))
		err := s.Recv(new(greet.HelloReply))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if err := s.Send(&greet.HelloRequest{}); err == nil {
			t.Error("Send after the end: got no error, want one")
		}
	})
}

func TestStreamEndsWithItsContext(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := c.Stream(ctx, c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() { got <- s.Recv(new(greet.HelloReply)) }()
		cancel()
		if err := await(t, "the end of Recv", got); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
		gone(t, c)
	})
}

// gone waits until the runtime holds no stream and no connection of one.
func gone(t *testing.T, c *api.Caller) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		s := c.Runtime().Snapshot()
		held := int64(0)
		for _, p := range s.Pools {
			held += p.Lent
		}
		if len(s.Streams) == 0 && held == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d streams and %d connections, want none", len(s.Streams), held)
		}
	}
}

func TestCloseCutsStreams(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		s := openStream(t, c, "Greeter.Bidi")
		got := make(chan error, 1)
		go func() { got <- s.Recv(new(greet.HelloReply)) }()
		ctx, cancel := context.WithTimeout(t.Context(), shortly)
		defer cancel()
		if cut := c.Close(ctx); cut != 1 {
			t.Errorf("got %d cut, want 1", cut)
		}
		if err := await(t, "the end of Recv", got); err == nil {
			t.Error("got no error, want one")
		}
		if _, err := c.Stream(t.Context(), c.NewRequest("greeter", "Greeter.Bidi", nil)); !errors.Is(err, rpcerr.ErrClosed) {
			t.Errorf("got %v, want closed", err)
		}
	})
}

// A Recv that waits on a stream which Close cancels returns ErrClosed, however the
// events race.
func TestStreamsCancelledByCloseMatchErrClosed(t *testing.T) {
	const streams = 100
	eachWire(t, func(t *testing.T, c *api.Caller) {
		got := make(chan error, streams)
		for range streams {
			s := openStream(t, c, "Greeter.Bidi")
			go func() { got <- s.Recv(new(greet.HelloReply)) }()
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if cut := c.Close(over); cut != streams {
			t.Errorf("got %d cut, want %d", cut, streams)
		}
		for range streams {
			if err := await(t, "the end of Recv", got); !errors.Is(err, rpcerr.ErrClosed) {
				t.Fatalf("got %v, want closed", err)
			}
		}
	})
}

// A peer that never reads makes Send fail at the deadline.
func TestSendMeetsTheDeadline(t *testing.T) {
	stuck := mailcalltest.WithHandlers(mailcalltest.HandleStream("Deaf.Listen", func(ctx context.Context, _ *mailcalltest.Stream) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	for name, wire := range wires(t) {
		t.Run(name, func(t *testing.T) {
			r := mailcalltest.New("deaf", stuck)
			t.Cleanup(func() { _ = r.Close() })
			if err := r.Listen(wire, listenAt(name)); err != nil {
				t.Fatal(err)
			}
			c := start(t, api.WithTransport(wire), api.WithAddress(r.Address()))
			s, err := c.Stream(t.Context(), c.NewRequest("deaf", "Deaf.Listen", nil), api.WithStreamTimeout(2*shortly))
			if err != nil {
				t.Fatal(err)
			}
			big := &greet.HelloRequest{Name: strings.Repeat("x", 1<<20)}
			for range 1000 {
				if err = s.Send(big); err != nil {
					break
				}
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
		})
	}
}

func TestStreamWrappers(t *testing.T) {
	var order []string
	wrap := func(name string) api.StreamWrapper {
		return func(next api.StreamFunc) api.StreamFunc {
			return func(ctx context.Context, req api.Request, opts api.CallOptions) (api.Stream, error) {
				order = append(order, name)
				return next(ctx, req, opts)
			}
		}
	}
	eachWire(t, func(t *testing.T, c *api.Caller) {
		order = nil
		openStream(t, c, "Greeter.Bidi", api.WithStreamWrapper(wrap("call")))
		if got := fmt.Sprint(order); got != "[client call]" {
			t.Errorf("got %s, want [client call]", got)
		}
	}, api.WithStreamWrapper(wrap("client")))
}

// A stream wrapper that gives nothing back fails the opening.
func TestStreamWrapperWithoutStream(t *testing.T) {
	c := start(t, api.WithAddress("127.0.0.1:1"))
	_, err := c.Stream(within(t), c.NewRequest("greeter", "Greeter.Bidi", nil), api.WithStreamWrapper(func(api.StreamFunc) api.StreamFunc {
		return func(context.Context, api.Request, api.CallOptions) (api.Stream, error) { return nil, nil }
	}))
	if last(t, err); !strings.Contains(err.Error(), "stream wrapper returned neither") {
		t.Errorf("got %v, want that the wrapper returned nothing", err)
	}
}

func TestStreamToARefusedAddressIsNotSent(t *testing.T) {
	c := start(t, api.WithAddress("127.0.0.1:1"), api.WithRetries(1))
	_, err := c.Stream(within(t), c.NewRequest("greeter", "Greeter.Bidi", nil))
	if a, n := last(t, err); n != 2 || a.Proof != rpcerr.NotSent || a.Phase != rpcerr.PhaseDial {
		t.Errorf("got %v, want two attempts that were not sent", err)
	}
}

// One stream more than MaxStreams is refused at once, and has a place when one
// of them has ended.
func TestMaxStreams(t *testing.T) {
	eachWire(t, func(t *testing.T, c *api.Caller) {
		first := openStream(t, c, "Greeter.Bidi")
		s, err := c.Stream(within(t), c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
		if !errors.Is(err, rpcerr.ErrOverloaded) || !strings.Contains(err.Error(), "1 streams are open (MaxStreams)") {
			t.Fatalf("got %v and %v, want ErrOverloaded and the name of the bound", s, err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		until(t, "the stream to be over", func() bool { return len(c.Runtime().Snapshot().Streams) == 0 })
		send(t, openStream(t, c, "Greeter.Bidi"), &greet.HelloRequest{})
	}, api.WithMaxStreams(1))
}
