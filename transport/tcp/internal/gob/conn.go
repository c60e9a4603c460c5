// SPDX-License-Identifier: Apache-2.0

// Package gob is the wire of go-micro's tcp transport: one gob stream in each
// direction of a connection, each message one value of a struct with the
// fields Header (map[string]string) and Body ([]byte). The definitions of the
// two types come before the first value and are not repeated.
//
// The framing is done here. What is sent is byte for byte what go-micro's
// transport sends, with the header in alphabetical order where Go's maps give
// a random one. What is received may come from any gob encoder: names and
// numbers of types do not matter, fields that nobody knows are skipped. Sizes
// are checked before memory is allocated for them, and types may neither be
// many nor deep.
package gob

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

const (
	// DefaultMaxMessage is the largest body that is sent or taken, in bytes,
	// if Options has none: 4 MiB, go-micro's limit on its grpc content types.
	DefaultMaxMessage = 4 << 20
	// MaxHeader is how many bytes a header may have on the wire: 64 KiB, the
	// limit of the http transport.
	MaxHeader = 64 << 10
	// MaxFields is how many fields a header may have.
	MaxFields = 1024

	// lookAfter is how long a connection must have been idle before Ready
	// looks at the socket, which costs a system call.
	lookAfter = 200 * time.Microsecond
	// keptBuffer is the largest buffer that is kept for the next message.
	keptBuffer = 64 << 10
)

// errClosed is what calls on a connection return after Close.
var errClosed = fmt.Errorf("connection closed here: %w", net.ErrClosed)

// Options say how a [Conn] works. The zero value is the default.
type Options struct {
	// MaxMessage bounds the body of a message in either direction, in bytes.
	// Zero and less is [DefaultMaxMessage].
	MaxMessage int
	// Prefix are bytes that were read from the socket already. They are what
	// Recv begins with. Conn reads them where they lie.
	Prefix []byte
	// Client says that this end asks and does not answer: a second answer to
	// the request before the last one is dropped.
	Client bool
	// Met, if not nil, is called once: with nil when the first message has come,
	// or with what ended the connection before.
	Met func(err error)
}

// Conn is a connection, either end of it. Make one with [New]. Send and Recv
// may each be called by one goroutine at a time, all else by any.
type Conn struct {
	raw        net.Conn
	tls        *tls.Conn // raw, if that is TLS
	maxMessage int
	client     bool
	numbers    transport.Numbering // of the client's requests
	state      atomic.Uint32
	met        sync.Once
	onMet      func(err error) // Options.Met, nil for none

	mu                 sync.Mutex // guards these three
	bound              bound
	sending, receiving direction

	out encoder // Send's
	in  decoder // Recv's
}

// States of a connection. They only ever get added.
const (
	stateInterrupted = 1 << iota
	stateClosed
	stateBroken  // an error, or a goodbye of the peer: good for Close only
	stateGivenUp // an exchange was cut off
)

var (
	_ transport.Exclusive = (*Conn)(nil)
	_ transport.Peer      = (*Conn)(nil)
)

// New returns a connection over raw, which belongs to it from now on. Any
// handshake of raw is done before, or by its first Read or Write. What wraps a
// socket, as TLS does, has a method NetConn that returns it; else Ready cannot
// look at the socket.
func New(raw net.Conn, o Options) *Conn {
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	c := &Conn{raw: raw, maxMessage: o.MaxMessage, client: o.Client, onMet: o.Met}
	c.tls, _ = raw.(*tls.Conn)
	c.sending.deadline, c.receiving.deadline = raw.SetWriteDeadline, raw.SetReadDeadline
	c.in.prefix = o.Prefix
	c.in.max = o.MaxMessage
	c.in.src = bufio.NewReader(source{c})
	return c
}

// source is what the decoder reads from.
type source struct{ c *Conn }

func (s source) Read(p []byte) (int, error) {
	d := &s.c.in
	if len(d.prefix) > 0 {
		n := copy(p, d.prefix)
		d.prefix = d.prefix[n:]
		return n, nil
	}
	return s.c.raw.Read(p)
}

// Send implements [transport.Conn]. Of fields whose names differ in case only
// the first is sent, and pseudo fields (":path") are not: go-micro's servers
// know neither.
func (c *Conn) Send(m *transport.Message) error {
	w, err := c.begin(&c.sending)
	if err != nil {
		return transport.NotSent(c.failed("send", err))
	}
	defer w.end()
	if err := c.out.encode(m, c.maxMessage); err != nil {
		c.out.free()
		return transport.NotSent(c.told("send", err))
	}
	if c.client {
		c.numbers.Asked(m.Header)
	}
	n, err := c.out.writeTo(c.raw)
	c.out.free()
	if err == nil {
		return nil
	}
	err = c.failed("send", w.meaning(err))
	if n == 0 && c.tls == nil {
		// TLS may have sent a part of what it says that it did not write.
		err = transport.NotSent(err)
	}
	return err
}

// Recv implements [transport.Conn].
func (c *Conn) Recv(m *transport.Message) error {
	w, err := c.begin(&c.receiving)
	if err != nil {
		return c.failed("receive", err)
	}
	defer w.end()
	for {
		if err := c.in.next(m); err != nil {
			return c.failed("receive", w.meaning(err))
		}
		c.meet(nil)
		if !c.client || !c.numbers.Old(m.Header) {
			return nil
		}
	}
}

// failed ends the use of the connection.
func (c *Conn) failed(what string, err error) error {
	c.state.Or(stateBroken)
	c.meet(err)
	return c.told(what, err)
}

// meet tells who wants to know it how the peer has begun.
func (c *Conn) meet(err error) {
	if c.onMet != nil {
		c.met.Do(func() { c.onMet(err) })
	}
}

// told words an error. The bare io.EOF stays as it is.
func (c *Conn) told(what string, err error) error {
	state := c.state.Load()
	switch {
	case errors.Is(err, transport.ErrInterrupted) || state&stateInterrupted != 0:
		return transport.ErrInterrupted
	case err == io.EOF: //nolint:errorlint // one that is wrapped tells more
		return err
	case state&stateClosed != 0 && !errors.Is(err, transport.ErrProtocol):
		err = errClosed
	}
	return fmt.Errorf("tcp transport: %s: %s: %w", c.RemoteAddress(), what, err)
}

// Ready implements [transport.Exclusive].
func (c *Conn) Ready(idle time.Duration) bool {
	if c.state.Load() != 0 || len(c.in.prefix) > 0 || c.in.src.Buffered() > 0 {
		return false
	}
	if idle <= lookAfter {
		return true
	}
	if c.gone() {
		c.state.Or(stateBroken)
		return false
	}
	return true
}

// Close implements [transport.Conn].
func (c *Conn) Close() error {
	state := c.state.Or(stateClosed)
	if state&stateClosed != 0 {
		return nil
	}
	if state&(stateInterrupted|stateGivenUp) == 0 {
		return c.raw.Close()
	}
	below := c.below()
	if s, ok := below.(interface{ SetLinger(sec int) error }); ok {
		// Nothing of an exchange that was given up goes out after its caller
		// was answered, and the peer learns of it at once.
		_ = s.SetLinger(0) // then it lingers, which is all there is to lose
	}
	return below.Close()
}

// below is the socket, without TLS on top of it and what else wraps it.
func (c *Conn) below() net.Conn {
	below := c.raw
	for {
		wrapper, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			return below
		}
		below = wrapper.NetConn()
	}
}

// LocalAddress implements [transport.Peer].
func (c *Conn) LocalAddress() string { return endpoint.Text(c.raw.LocalAddr()) }

// RemoteAddress implements [transport.Peer].
func (c *Conn) RemoteAddress() string { return endpoint.Text(c.raw.RemoteAddr()) }

// NetConn returns what messages are written to. It is for responders that play
// a broken server; nothing may write to it while Send does.
func (c *Conn) NetConn() net.Conn { return c.raw }
