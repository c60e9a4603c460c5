// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
	"example.com/mailcall/transport/internal/endpoint"
)

// maxInformational bounds the number of 1xx responses before the final one.
const maxInformational = 16

// conn is the client's end of a connection.
type conn struct {
	socket
	t      *Transport
	host   string // the dialled address, for error texts
	prefix string // the request line and the Host field
	in     *wire.Reader
	sent   template
}

var (
	_ transport.RoundTripper = (*conn)(nil)
	_ transport.Peer         = (*conn)(nil)
)

func newConn(t *Transport, s socket, host, authority string) *conn {
	return &conn{
		socket: s,
		t:      t,
		host:   host,
		prefix: "POST / HTTP/1.1\r\nHost: " + authority + "\r\n",
		in:     wire.NewReader(s.reader(), t.limits, false),
	}
}

// Bind implements [transport.Exclusive].
func (c *conn) Bind(ctx context.Context, deadline time.Time) { c.link.bind(ctx, deadline) }

// Interrupt implements [transport.Exclusive].
func (c *conn) Interrupt() { c.link.interrupt() }

// Close implements [transport.Conn].
func (c *conn) Close() error { return c.socket.close() }

// LocalAddress implements [transport.Peer].
func (c *conn) LocalAddress() string { return endpoint.Text(c.link.raw.LocalAddr()) }

// RemoteAddress implements [transport.Peer]. With a proxy it is the proxy's.
func (c *conn) RemoteAddress() string { return endpoint.Text(c.link.raw.RemoteAddr()) }

// Ready implements [transport.Exclusive]. It peeks at the socket before each reuse,
// however short the idle time: a server that closes the connection after its answer
// does so within microseconds, and an unsolicited answer must not be taken for that
// to the next request.
func (c *conn) Ready(idle time.Duration) bool {
	if !c.link.good() || c.in.Buffered() > 0 || c.in.Ended() {
		return false
	}
	if !c.quiet(idle > 0) {
		c.link.add(stateBroken)
		return false
	}
	return true
}

// Recv implements [transport.Conn].
func (c *conn) Recv(m *transport.Message) error {
	head, err := c.head()
	return c.receive(head, err, m)
}

// receive reads the rest of the answer, after the head. err is the error of reading
// the head.
func (c *conn) receive(head *wire.Head, err error, m *transport.Message) error {
	if err != nil {
		return c.failed("receive", err)
	}
	body, err := c.in.ReadBody(head)
	if err == nil && c.link.ended {
		// Only a body without a length is read up to the end of the stream, and only
		// the peer's close_notify proves that it was not truncated (RFC 9112,
		// section 9.8).
		err = fmt.Errorf("%w after %d bytes of a body without a length: TLS ended without close_notify", io.ErrUnexpectedEOF, len(body))
	}
	if err != nil {
		return c.failed("receive", err)
	}
	m.Header, m.Body = c.in.Header(), body
	if head.Close {
		c.link.add(stateBroken)
	}
	if head.Status != 200 {
		return statusError(head, c.in, body)
	}
	return nil
}

// head reads the head of the answer.
func (c *conn) head() (*wire.Head, error) {
	if c.link.state.Load()&stateInterrupted != 0 {
		return nil, transport.ErrInterrupted
	}
	return answered(c.in)
}

// answered reads heads until one is not informational (1xx).
func answered(in *wire.Reader) (*wire.Head, error) {
	head, err := in.ReadHead()
	for n := 0; err == nil && head.Status < 200; n++ {
		if head.Status == 101 || n == maxInformational {
			return nil, fmt.Errorf("%w: unexpected status %d", transport.ErrProtocol, head.Status)
		}
		head, err = in.ReadHead()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // a part of the answer has been received
		}
	}
	return head, err
}

// failed marks the connection as broken, and returns the error to report. io.EOF
// and ErrInterrupted are returned bare, without an allocation.
func (c *conn) failed(what string, err error) error {
	state := c.link.state.Or(stateBroken | stateGivenUp)
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if state&stateInterrupted != 0 {
		return transport.ErrInterrupted
	}
	if state&stateClosed != 0 && !errors.Is(err, transport.ErrProtocol) {
		err = errClosed
	}
	return fmt.Errorf("http transport: %s: %s: %w", c.host, what, err)
}
