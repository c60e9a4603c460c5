// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

const userAgent = "User-Agent: Go-http-client/1.1\r\n"

// errClosed is the error of calls on a connection after Close.
var errClosed = fmt.Errorf("connection closed here: %w", net.ErrClosed)

// Send implements [transport.Conn].
func (c *conn) Send(m *transport.Message) error {
	if err := c.link.check(); err != nil {
		return transport.NotSent(c.failed("send", err))
	}
	o := c.t.outgoing.Get().(*outgoing)
	rest, err := c.request(o, m)
	if err != nil {
		o.free()
		return c.unsendable(err)
	}
	return c.writeOut(o, rest)
}

// unsendable returns the error of a message that cannot be sent. The connection
// remains usable.
func (c *conn) unsendable(cause error) error {
	return transport.NotSent(fmt.Errorf("http transport: %s: send: %w", c.host, cause))
}

// writeOut writes the request in o and the rest of its body, and frees o.
func (c *conn) writeOut(o *outgoing, rest []byte) error {
	sent, err := c.write(o, rest)
	o.free()
	if err == nil {
		return nil
	}
	return c.unwritten(sent, err)
}

// unwritten returns the error of a request whose write has failed with cause. sent
// reports whether a byte of it may have left this machine.
func (c *conn) unwritten(sent bool, cause error) error {
	err := c.failed("send", c.refused(cause))
	if !sent {
		return transport.NotSent(err)
	}
	return err
}

// refused returns the answer of a server that closed the connection before it had
// read the whole request, such as 413; if there is none, cause, the error of the
// write. It reads only after an error that says that the connection is closed, since
// then reading does not block.
func (c *conn) refused(cause error) error {
	if !errors.Is(cause, syscall.ECONNRESET) && !errors.Is(cause, syscall.EPIPE) {
		return cause
	}
	head, err := answered(c.in)
	if err != nil || head.Status == 200 { // 200 cannot be the answer to an incomplete request
		return cause
	}
	body, _ := c.in.ReadBody(head) // best effort: the status is enough
	return statusError(head, c.in, body)
}

// request renders the request into o.b and returns the part of the body that is not
// copied there.
func (c *conn) request(o *outgoing, m *transport.Message) (rest []byte, err error) {
	if len(m.Body) > c.t.limits.Message {
		return nil, bodyTooLarge(len(m.Body), c.t.limits.Message)
	}
	b := append(o.b, c.prefix...)
	agent := agentOf(m.Header)
	if agent < 0 {
		b = append(b, userAgent...)
	} else if b, err = wire.AppendField(b, "User-Agent", m.Header[agent].Value); err != nil {
		return nil, err
	}
	if len(m.Body) == 0 {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	} else {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendUint(b, uint64(len(m.Body)), 10)
		b = append(b, '\r', '\n')
	}
	if b, err = c.fields(b, o, m.Header, agent); err != nil {
		return nil, err
	}
	b = append(b, '\r', '\n')
	if err = c.t.checkHead(len(b)); err != nil {
		return nil, err
	}
	return o.finish(b, m.Body), nil
}

// agentOf returns the index of the User-Agent field, -1 if there is none.
func agentOf(h transport.Header) int {
	for i := range h {
		if n := h[i].Name; len(n) == 10 && wire.EqualFold(n, "User-Agent") {
			return i
		}
	}
	return -1
}

// fields appends the fields of the header, except the one with index agent. The
// leading fields that are the same as in the last request are copied from it.
func (c *conn) fields(b []byte, o *outgoing, h transport.Header, agent int) (_ []byte, err error) {
	b, n := c.sent.common(b, h)
	start, ends := len(b), o.ends[:0]
	for i := n; i < len(h); i++ {
		f := &h[i]
		if i != agent && !wire.Framing(f.Name) && !wire.Pseudo(f.Name) {
			if b, err = wire.AppendField(b, f.Name, f.Value); err != nil {
				return nil, fmt.Errorf("header field %q: %w", f.Name, err)
			}
		}
		ends = append(ends, len(b)-start)
	}
	o.ends = ends
	c.sent.learn(n, b[start:], ends)
	return b, nil
}

// finish appends the body to the head if both together are short enough for one
// write, and returns the part of the body that it has not appended.
func (o *outgoing) finish(b, body []byte) (rest []byte) {
	switch {
	case len(body) == 0:
		o.b = append(b, "0\r\n\r\n"...)
	case len(b)+len(body) <= oneWrite:
		o.b = append(b, body...)
	default:
		o.b = b
		return body
	}
	return nil
}

func (t *Transport) checkHead(n int) error {
	if n > t.limits.Header {
		return fmt.Errorf("%w: header of %d bytes, the limit is %d", transport.ErrTooLarge, n, t.limits.Header)
	}
	return nil
}

func bodyTooLarge(n, limit int) error {
	return fmt.Errorf("%w: body of %d bytes, the limit is %d", transport.ErrTooLarge, n, limit)
}
