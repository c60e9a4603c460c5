// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
)

// room is how many events a Gate or Sink holds for who asks later.
const room = 4096

// Gate is a handler of Greeter.Hello that tells of each request and holds it
// until Open, or until its connection ends.
type Gate struct {
	// Hits gets one for each request, Gone one for each that was given up.
	Hits, Gone chan struct{}
	open       chan struct{}
	once       sync.Once
}

// NewGate returns a gate that is shut.
func NewGate() *Gate {
	return &Gate{Hits: make(chan struct{}, room), Gone: make(chan struct{}, room), open: make(chan struct{})}
}

// Open lets all requests pass from now on.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// Handler is for a responder.
func (g *Gate) Handler() mailcalltest.Option {
	return mailcalltest.WithHandlers(mailcalltest.Handle(Hello,
		func(ctx context.Context, _ *greet.HelloRequest, rsp *greet.HelloReply) error {
			rsp.Greeting = "at last"
			g.Hits <- struct{}{}
			select {
			case <-g.open:
			case <-ctx.Done():
				g.Gone <- struct{}{}
			}
			return nil
		}))
}

// Sink is a server that reads one byte of each connection and then nothing.
type Sink struct {
	// Address to dial.
	Address string
	// Begun gets one for each connection on which something arrived.
	Begun chan struct{}
	stop  chan struct{}
	work  sync.WaitGroup
}

// NewSink starts a sink that ends with the test.
func NewSink(tb testing.TB) *Sink {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Sink{Address: l.Addr().String(), Begun: make(chan struct{}, room), stop: make(chan struct{})}
	s.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.hold(conn) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close() // ends the accepting goroutine
		close(s.stop)
		s.work.Wait()
	})
	return s
}

func (s *Sink) hold(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1) // the kernel takes as little as it can; else it is the same, but slower
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
		s.Begun <- struct{}{}
		<-s.stop
	}
}
