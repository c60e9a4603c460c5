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

// peer is the server's end.
type peer struct {
	socket
	t  *Transport
	in *wire.Reader

	begun     bool        // the first head has come; only Recv looks
	lastWords atomic.Bool // a request said that the connection ends with it
	answer    answerHead  // its echo is set by the first Recv, the rest is Send's
}

var _ transport.Peer = (*peer)(nil)

// Close implements [transport.Conn].
func (p *peer) Close() error { return p.socket.close() }

// LocalAddress implements [transport.Peer].
func (p *peer) LocalAddress() string { return endpoint.Text(p.link.raw.LocalAddr()) }

// RemoteAddress implements [transport.Peer].
func (p *peer) RemoteAddress() string { return endpoint.Text(p.link.raw.RemoteAddr()) }

// Recv implements [transport.Conn]. Any method and any target is taken. A
// client that has sent its last byte ends the connection, as with go-micro:
// what it still waits for is not sent.
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
		p.lastWords.Store(true)
	}
	m.Header, m.Body = p.in.Header(), body
	return nil
}

// begin does what only the first request of a connection brings about.
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

// failed ends the use of the connection.
func (p *peer) failed(err error) error {
	state := p.link.state.Or(stateBroken)
	if errors.Is(err, io.EOF) || p.lastWords.Load() && state&stateClosed != 0 {
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
		_ = p.Close() // nobody is there to hear that it failed
		return transport.NotSent(fmt.Errorf("http transport: client %s: it has gone: %w", p.RemoteAddress(), io.EOF))
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
	if p.lastWords.Load() {
		return p.Close()
	}
	return nil
}

// response puts the answer into o.b and returns the part of the body that did
// not go there. The length of an empty body stands last: so does net/http's,
// with which go-micro writes.
func (p *peer) response(o *outgoing, m *transport.Message) (rest []byte, err error) {
	if len(m.Body) > p.t.limits.Message {
		return nil, bodyTooLarge(len(m.Body), p.t.limits.Message)
	}
	block, err := p.answer.block(m.Header)
	if err != nil {
		return nil, err
	}
	b := append(o.b, "HTTP/1.1 200 OK\r\n"...)
	if p.lastWords.Load() && !p.answer.echoesClose {
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
