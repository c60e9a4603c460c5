// SPDX-License-Identifier: Apache-2.0

package mailcalltest_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/transport"
)

// pipes is a listener whose connections carry messages over channels. The names of
// header fields keep their case, as on all transports except HTTP, and there is no
// socket.
type pipes struct {
	conns  chan *pipe
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan *pipe), closed: make(chan struct{})}
}

func (l *pipes) Listen(string) (transport.Listener, error) { return l, nil }

func (l *pipes) Accept() (transport.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Address() string { return "pipes" }

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// pipe is a connection: the responder uses its methods, the test its channels.
type pipe struct {
	in, out chan *transport.Message
	closed  chan struct{}
	once    sync.Once
}

func (p *pipe) Send(m *transport.Message) error {
	select {
	case p.out <- &transport.Message{Header: m.Header.Clone(), Body: append([]byte(nil), m.Body...)}:
		return nil
	case <-p.closed:
		return io.ErrClosedPipe
	}
}

func (p *pipe) Recv(m *transport.Message) error {
	select {
	case got := <-p.in:
		*m = *got
		return nil
	case <-p.closed:
		return io.EOF
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// startPipe starts a greeter and opens one connection to it.
func startPipe(t *testing.T, opts ...mailcalltest.Option) (*mailcalltest.Responder, *pipe) {
	t.Helper()
	server, listener := mailcalltest.NewGreeter("greeter", opts...), newPipes()
	if err := server.Listen(listener, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &pipe{in: make(chan *transport.Message), out: make(chan *transport.Message), closed: make(chan struct{})}
	listener.conns <- p
	return server, p
}

// sync waits until the responder has received everything that was sent: events are
// answered by the goroutine that reads. No other answer may be on the way.
func (p *pipe) sync(t *testing.T) {
	t.Helper()
	p.in <- message("", "Micro-Topic", "sync")
	if m := <-p.out; m.Header.Get("Micro-Topic") != "sync" {
		t.Errorf("got %v, want the answer to the event", m.Header)
	}
}

// message returns a message with a body, and a header of alternating names and values.
func message(body string, fields ...string) *transport.Message {
	m := &transport.Message{Body: []byte(body)}
	for i := 0; i < len(fields); i += 2 {
		m.Header.Add(fields[i], fields[i+1])
	}
	return m
}
