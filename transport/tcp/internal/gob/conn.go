// SPDX-License-Identifier: Apache-2.0

// Package gob implements the protocol of go-micro's tcp transport: one gob stream in
// each direction of a connection, in which each message is a value of a struct with the
// fields Header (map[string]string) and Body ([]byte). The definitions of the two types
// precede the first value and are not repeated.
//
// The package encodes and decodes gob itself. It sends the same bytes as go-micro's
// transport, except that the header is in alphabetical order, which is random in Go's
// maps. It receives messages from any gob encoder: the names and numbers of types do not
// matter, and unknown fields are skipped. Sizes are checked before memory is allocated
// for them, and the number and the nesting of types are limited.
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
	// DefaultMaxMessage is the default of Options.MaxMessage, in bytes: 4 MiB,
	// go-micro's limit for its grpc content types.
	DefaultMaxMessage = 4 << 20
	// MaxHeader is the largest encoded header in bytes: 64 KiB, the limit of the http
	// transport.
	MaxHeader = 64 << 10
	// MaxFields is the largest number of fields in a header.
	MaxFields = 1024

	// keptBuffer is the size in bytes up to which a buffer is reused.
	keptBuffer = 64 << 10
)

// errClosed is the error of calls on a connection after Close.
var errClosed = fmt.Errorf("connection closed here: %w", net.ErrClosed)

// Options configure a [Conn]. The zero value is the default.
type Options struct {
	// MaxMessage is the largest body of a message in either direction, in bytes. Zero
	// and less is [DefaultMaxMessage].
	MaxMessage int
	// Prefix are bytes that were already read from the socket, which Recv begins with.
	// They must not be modified.
	Prefix []byte
	// Client reports whether this is the client's end. It drops a second answer to the
	// request before the last one.
	Client bool
	// Met, if not nil, is called once: with nil when the first message has been
	// received, or with the error that has ended the connection before that.
	Met func(err error)
}

// Conn is one end of a connection. Make it with [New]. Send and Recv may each be called
// by one goroutine at a time; the other methods are safe for concurrent use.
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

// States of a connection. They are flags that are set and never cleared.
const (
	stateInterrupted = 1 << iota
	stateClosed
	stateBroken  // after an error, or if the peer closes: only Close may be called
	stateGivenUp // an exchange was not completed
)

var (
	_ transport.Exclusive = (*Conn)(nil)
	_ transport.Peer      = (*Conn)(nil)
)

// New returns a connection over raw, and takes ownership of it. A handshake of raw must
// be done before, or by its first Read or Write. If raw wraps a socket, as TLS does, it
// must have a method NetConn that returns the socket; otherwise Ready cannot peek at it.
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

// source is the decoder's reader: first the prefix, then the connection.
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

// Send implements [transport.Conn]. Of fields whose names differ only in case, the first
// is sent. Pseudo-header fields (":path") are not sent. go-micro's servers support
// neither.
func (c *Conn) Send(m *transport.Message) error {
	w, err := c.begin(&c.sending)
	if err != nil {
		return transport.NotSent(c.failed("send", err))
	}
	defer w.end()
	if err := c.out.encode(m, c.maxMessage); err != nil {
		c.out.free()
		return transport.NotSent(c.wrap("send", err))
	}
	if c.client {
		c.numbers.Asked(m.Header)
	}
	n, err := c.out.writeTo(c.raw)
	c.out.free()
	if err == nil {
		return nil
	}
	err = c.failed("send", w.cause(err))
	if n == 0 && c.tls == nil {
		// A TLS connection may have sent a part even if it returns 0.
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
			return c.failed("receive", w.cause(err))
		}
		c.reportMet(nil)
		if !c.client || !c.numbers.Old(m.Header) {
			return nil
		}
	}
}

// failed marks the connection as broken, and returns the error to report.
func (c *Conn) failed(what string, err error) error {
	c.state.Or(stateBroken)
	c.reportMet(err)
	return c.wrap(what, err)
}

// reportMet calls Options.Met the first time.
func (c *Conn) reportMet(err error) {
	if c.onMet != nil {
		c.met.Do(func() { c.onMet(err) })
	}
}

// wrap returns the error to report for err. A bare io.EOF is not wrapped.
func (c *Conn) wrap(what string, err error) error {
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

// Ready implements [transport.Exclusive]. It peeks at the socket before each reuse,
// however short the idle time: a server that closes the connection after its answer does
// so within microseconds.
func (c *Conn) Ready(idle time.Duration) bool {
	if c.state.Load() != 0 || len(c.in.prefix) > 0 || c.in.src.Buffered() > 0 {
		return false
	}
	if idle > 0 && c.gone() {
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
		// An abandoned exchange sends nothing after its caller has got the result,
		// and the peer is told at once by a reset.
		_ = s.SetLinger(0) // if it fails, the data is still sent, which does no harm
	}
	return below.Close()
}

// below returns the socket, without TLS and other wrappers.
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

// NetConn returns the connection that messages are written to. It is for tests that
// simulate a broken server. It must not be written to during a Send.
func (c *Conn) NetConn() net.Conn { return c.raw }
