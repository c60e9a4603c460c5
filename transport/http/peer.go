// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
	"example.com/mailcall/transport/internal/endpoint"
	"example.com/mailcall/transport/internal/fast"
)

// peer is the server's end of a connection.
type peer struct {
	socket
	t  *Transport
	in *wire.Reader

	begun     bool        // the first head was received; used only by Recv
	asksClose atomic.Bool // a request has asked for "Connection: close"
	answer    answerHead  // the first Recv sets its echo, Send uses the rest
}

var _ transport.Peer = (*peer)(nil)

// Close implements [transport.Conn].
func (p *peer) Close() error { return p.socket.close() }

// LocalAddress implements [transport.Peer].
func (p *peer) LocalAddress() string { return endpoint.Text(p.link.raw.LocalAddr()) }

// RemoteAddress implements [transport.Peer].
func (p *peer) RemoteAddress() string { return endpoint.Text(p.link.raw.RemoteAddr()) }

// Recv implements [transport.Conn]. It accepts any method and any target. As in
// go-micro, the connection ends when the client closes its side, even if it still
// waits for an answer.
func (p *peer) Recv(m *transport.Message) error {
	head, err := p.in.ReadHead()
	if err != nil {
		return p.failed(err)
	}
	if !p.begun {
		if err := p.begin(head); err != nil {
			return p.failed(err)
		}
	}
	body, err := p.in.ReadBody(head)
	if err != nil {
		return p.failed(err)
	}
	if head.AsksClose {
		p.asksClose.Store(true)
	}
	m.Header, m.Body = p.in.Header(), body
	return nil
}

// begin does what is needed only for the first request of a connection.
func (p *peer) begin(head *wire.Head) error {
	p.begun = true
	p.link.limit(time.Time{})
	p.answer.echoOf(p.in.Header())
	if head.Expect && head.Minor == 1 && (head.Chunked || head.Length > 0) {
		_, err := p.write(&outgoing{b: []byte("HTTP/1.1 100 Continue\r\n\r\n")}, nil)
		return err
	}
	return nil
}

// failed marks the connection as broken, and returns the error to report.
func (p *peer) failed(err error) error {
	state := p.link.state.Or(stateBroken)
	if errors.Is(err, io.EOF) || p.asksClose.Load() && state&stateClosed != 0 {
		return io.EOF
	}
	if state&stateClosed != 0 && !errors.Is(err, transport.ErrProtocol) {
		err = errClosed
	}
	return fmt.Errorf("http transport: client %s: %w", p.RemoteAddress(), err)
}

// Send implements [transport.Conn].
func (p *peer) Send(m *transport.Message) error {
	if !p.link.good() || p.link.fast.Peek() == fast.End {
		_ = p.Close() // the first error says more
		return transport.NotSent(fmt.Errorf("http transport: client %s: the connection has ended: %w", p.RemoteAddress(), io.EOF))
	}
	o := p.t.outgoing.Get().(*outgoing)
	rest, err := p.response(o, m)
	if err != nil {
		o.free()
		return transport.NotSent(fmt.Errorf("http transport: client %s: %w", p.RemoteAddress(), err))
	}
	sent, err := p.write(o, rest)
	o.free()
	if err != nil {
		if err = p.failed(err); !sent {
			err = transport.NotSent(err)
		}
		return err
	}
	if p.asksClose.Load() {
		return p.Close()
	}
	return nil
}

// response renders the answer into o.b and returns the part of the body that is not
// copied there. The length of an empty body is the last field, as in net/http, which
// go-micro uses.
func (p *peer) response(o *outgoing, m *transport.Message) (rest []byte, err error) {
	if len(m.Body) > p.t.limits.Message {
		return nil, bodyTooLarge(len(m.Body), p.t.limits.Message)
	}
	block, err := p.answer.block(m.Header)
	if err != nil {
		return nil, err
	}
	b := append(o.b, "HTTP/1.1 200 OK\r\n"...)
	if p.asksClose.Load() && !p.answer.echoesClose {
		b = append(b, "Connection: close\r\n"...)
	}
	if len(m.Body) > 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendUint(b, uint64(len(m.Body)), 10)
		b = append(b, '\r', '\n')
	}
	b = append(b, block...)
	if len(m.Body) == 0 {
		b = append(b, "Content-Length: 0\r\n"...)
	}
	b = append(b, '\r', '\n')
	if err = p.t.checkHead(len(b)); err != nil {
		return nil, err
	}
	if len(m.Body) == 0 {
		o.b = b
		return nil, nil
	}
	return o.finish(b, m.Body), nil
}
