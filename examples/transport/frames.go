// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"example.com/mailcall/transport"
)

// The protocol: the lengths of header and body, four bytes each, then the header as
// lines of "name: value", then the body.
const (
	prefix    = 8
	maxHeader = 64 << 10
	maxBody   = 4 << 20
)

// frames is a transport over unix sockets; an address is a path. A client needs only
// Dial and String.
type frames struct{}

// String implements transport.Transport.
func (frames) String() string { return "frames" }

// Dial implements transport.Transport.
func (frames) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", address)
	if err != nil {
		return nil, transport.NotSent(err)
	}
	return newConn(c), nil
}

var _ transport.Transport = frames{}

// conn is a connection. mailcall runs one exchange at a time on it, and cancels an
// exchange by closing the connection, so no lock is needed.
type conn struct {
	net.Conn // provides Close

	r *bufio.Reader
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, r: bufio.NewReader(c)} }

// Send implements transport.Conn. If nothing has been written, the error says so with
// NotSent, so that the request may be sent to another node.
func (c *conn) Send(m *transport.Message) error {
	var header strings.Builder
	for _, f := range m.Header {
		if strings.ContainsAny(f.Name, ":\n") || strings.Contains(f.Value, "\n") {
			return transport.NotSent(fmt.Errorf("%w: header field %q has a colon or a line break", transport.ErrInvalid, f.Name))
		}
		header.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if header.Len() > maxHeader || len(m.Body) > maxBody {
		return transport.NotSent(fmt.Errorf("%w: header of %d and body of %d bytes, the most are %d and %d",
			transport.ErrTooLarge, header.Len(), len(m.Body), maxHeader, maxBody))
	}
	frame := make([]byte, prefix, prefix+header.Len()+len(m.Body))
	binary.BigEndian.PutUint32(frame, uint32(header.Len()))
	binary.BigEndian.PutUint32(frame[4:], uint32(len(m.Body)))
	frame = append(frame, header.String()...)
	frame = append(frame, m.Body...)
	_, err := c.Write(frame)
	return err
}

// Recv implements transport.Conn. It checks sizes before it allocates memory.
func (c *conn) Recv(m *transport.Message) error {
	var lengths [prefix]byte
	if _, err := io.ReadFull(c.r, lengths[:]); err != nil {
		return broken(err) // io.EOF if nothing was received
	}
	header, body := binary.BigEndian.Uint32(lengths[:4]), binary.BigEndian.Uint32(lengths[4:])
	if header > maxHeader || body > maxBody {
		return fmt.Errorf("%w: header of %d and body of %d bytes, the most are %d and %d",
			transport.ErrTooLarge, header, body, maxHeader, maxBody)
	}
	frame := make([]byte, header+body)
	if _, err := io.ReadFull(c.r, frame); err != nil {
		return broken(noEOF(err))
	}
	*m = transport.Message{Body: frame[header:]}
	for line := range strings.Lines(string(frame[:header])) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			return fmt.Errorf("%w: header line %q has no colon", transport.ErrProtocol, line)
		}
		m.Header.Add(name, value)
	}
	return nil
}

// noEOF returns err, but io.ErrUnexpectedEOF for io.EOF within a message.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", transport.ErrProtocol, err)
	}
	return err
}

// listener is the server's side, for the service of this example.
type listener struct{ net.Listener }

// Listen allows mailcalltest to serve on the transport.
func (frames) Listen(address string) (transport.Listener, error) {
	l, err := net.Listen("unix", address)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// Accept implements transport.Listener.
func (l listener) Accept() (transport.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

// Address implements transport.Listener.
func (l listener) Address() string { return l.Addr().String() }
