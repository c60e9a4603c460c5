// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in a test that is not about time.
const patience = 20 * time.Second

func newTransport(t testing.TB, opts ...tcp.Option) *tcp.Transport {
	t.Helper()
	tr, err := tcp.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// async is the interface of the client's end of a connection with our protocol.
type async interface {
	transport.Async
	transport.Shared
	transport.Streamer
	transport.Peer
}

func dial(t testing.TB, tr *tcp.Transport, address string) async {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := tr.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	a, ok := c.(async)
	if !ok {
		t.Fatalf("got a %T, want a connection on our own wire", c)
	}
	return a
}

// serve runs a server until the test ends.
func serve(t testing.TB, c tcp.ServerConfig, opts ...tcp.Option) (address string) {
	t.Helper()
	s, err := tcp.NewServer(c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v from Serve, want net.ErrClosed", err)
		}
	})
	return ln.Addr().String()
}

// listen accepts exchanges until the test ends, and calls answer for each on a goroutine of
// its own.
func listen(t testing.TB, tr *tcp.Transport, answer func(transport.Incoming)) (address string) {
	t.Helper()
	return accept(t, tr, func(c transport.Acceptor) {
		for {
			x, err := c.Accept()
			if err != nil {
				return
			}
			go answer(x)
		}
	})
}

// accept calls serve for each connection until the test ends.
func accept(t testing.TB, tr *tcp.Transport, serve func(transport.Acceptor)) (address string) {
	t.Helper()
	ln, err := tr.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			if a, ok := c.(transport.Acceptor); ok {
				go serve(a)
			}
		}
	}()
	return ln.Address()
}

// mailbox is a receiver that queues deliveries.
type mailbox chan delivered

type delivered struct {
	token uint64
	m     transport.Message
	err   error
}

func (b mailbox) Deliver(token uint64, m *transport.Message, loan transport.Loan, err error) {
	d := delivered{token: token, err: err}
	if m != nil {
		d.m = transport.Message{Header: m.Header.Clone(), Body: append([]byte(nil), m.Body...)}
	}
	if loan != nil {
		loan.Return()
	}
	b <- d
}

func (b mailbox) next(t testing.TB) delivered {
	t.Helper()
	select {
	case d := <-b:
		return d
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
		return delivered{}
	}
}

// request is a message as mailcall sends it.
func request(body []byte) *transport.Message {
	return &transport.Message{
		Header: transport.Header{
			{Name: "Accept", Value: "application/protobuf"},
			{Name: "Content-Type", Value: "application/protobuf"},
			{Name: "Micro-Service", Value: "greeter"},
			{Name: "Micro-Method", Value: "Greeter.Echo"},
			{Name: "Micro-Endpoint", Value: "Greeter.Echo"},
			{Name: "Micro-ID", Value: "17"},
			{Name: "Timeout", Value: "5000000000"},
		},
		Body: body,
	}
}

func echo(req *tcp.Request, reply *tcp.Reply) {
	reply.Header = replyHeader
	reply.Body = append(reply.Body, req.Body...)
}

var replyHeader = transport.Header{{Name: "Content-Type", Value: "application/protobuf"}}
