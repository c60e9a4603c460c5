// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/stage"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

const (
	// maxKnown bounds the number of servers whose protocol is cached.
	maxKnown = 1024
	// knownFor is how long it is cached: a server may be replaced.
	knownFor = 5 * time.Minute
	// doubtedFor is how long the entry remains valid if a server that is known to use
	// our protocol closes a connection without an answer. By then a server that has
	// crashed is running again, and a go-micro server that has replaced it is detected.
	doubtedFor = 5 * time.Second
)

// knowledge is a cache entry: the protocol of a server.
type knowledge struct {
	wire  Wire
	until clock.Instant
}

// Dial opens a connection to address, with the handshakes of TLS and of the protocol.
// The forms of address are
//
//	host:port, [::1]:port   TCP; TLS if the port is 443
//	https://host[:port]     TLS, port 443 unless given
//	http://host[:port]      cleartext, port 80 unless given
//	unix:/path              a unix socket; unix:///path is the same
//	unix:@name              an abstract unix socket, Linux only
//
// If the address asks for TLS, the certificate is verified with the system's root
// certificates; with [WithTLS] every connection uses that configuration, and http://
// is refused. A name with several addresses is dialled as RFC 8305 specifies.
//
// Dial returns when ctx ends at the latest. A connection with mailcall's own protocol
// implements [transport.Led], [transport.Shared], [transport.Streamer] and
// [transport.Peer]; one with go-micro's protocol [transport.Exclusive] and
// [transport.Peer]. Every error matches [transport.ErrNotSent].
func (t *Transport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := t.connect(ctx, address)
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("tcp transport: dial %s: %w", address, err))
	}
	return c, nil
}

func (t *Transport) connect(ctx context.Context, address string) (transport.Conn, error) {
	wire, sure := t.config.wire, true
	if wire == Auto {
		wire, sure = t.cachedWire(address)
	}
	if wire == Gob {
		return t.dialGob(ctx, address)
	}
	raw, err := t.open(ctx, address)
	if err != nil {
		return nil, err
	}
	hello, err := greet(ctx, raw, t.config.limits)
	if err == nil {
		if t.config.wire == Auto {
			t.remember(address, Own)
		}
		return t.newConn(raw, hello), nil
	}
	_ = raw.Close() // the first error says more
	switch {
	case !errors.Is(err, errHungUp):
		return nil, err
	case sure:
		t.doubt(address)
		return nil, err
	}
	return t.dialGob(ctx, address)
}

// cachedWire returns the protocol to try first, and whether it is known.
func (t *Transport) cachedWire(address string) (w Wire, sure bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[address]
	if !ok || k.until <= t.clock.Now() {
		return Own, false
	}
	return k.wire, true
}

func (t *Transport) remember(address string, w Wire) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.known[address]; !ok && len(t.known) >= maxKnown {
		for other := range t.known {
			delete(t.known, other) // any one: it costs an additional dial
			break
		}
	}
	t.known[address] = knowledge{wire: w, until: t.clock.Now().Add(knownFor)}
}

// forget removes the cache entry of a server.
func (t *Transport) forget(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, address)
}

// doubt shortens the validity of a server's cache entry to doubtedFor. It does not
// extend it.
func (t *Transport) doubt(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[address]
	if until := t.clock.Now().Add(doubtedFor); ok && until < k.until {
		k.until = until
		t.known[address] = k
	}
}

// open opens a socket, with the TLS handshake if there is TLS.
func (t *Transport) open(ctx context.Context, address string) (net.Conn, error) {
	to, err := endpoint.ParseWithTLS(address, t.config.tls)
	if err != nil {
		return nil, err
	}
	raw, err := t.reach(ctx, to)
	if err != nil {
		return nil, err
	}
	config := t.config.tls
	if config == nil && to.TLS {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config == nil {
		return raw, nil
	}
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = to.Host
	}
	stage.Enter(ctx, stage.Securing)
	secure := tls.Client(&under{Conn: raw}, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the first error says more
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return secure, nil
}

func (t *Transport) reach(ctx context.Context, to endpoint.Endpoint) (net.Conn, error) {
	stage.Enter(ctx, stage.Connecting)
	if t.config.dial != nil {
		return t.config.dial(ctx, to.Network, to.Address)
	}
	return t.dialer.Dial(ctx, to)
}

// errHungUp is the error if a server closes the connection without an answer, which a
// server does that does not know the protocol.
var errHungUp = fmt.Errorf("%w: it closed the connection without an answer", ErrNotOurs)

// greet exchanges prefaces as the client.
func greet(ctx context.Context, raw net.Conn, limits frame.Limits) (frame.Preface, error) {
	stage.Enter(ctx, "waiting for the server's preface")
	limits.Exchanges = 0 // a client does not serve exchanges
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	hello, err := exchangePrefaces(raw, limits)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if ended := ctx.Err(); ended != nil {
			err = fmt.Errorf("%w while waiting for the server's preface", ended)
		}
		return hello, err
	}
	return hello, raw.SetDeadline(time.Time{})
}

func exchangePrefaces(raw net.Conn, limits frame.Limits) (frame.Preface, error) {
	ours := frame.Preface{Low: frame.Version, High: frame.Version, Limits: limits}
	if _, err := raw.Write(ours.Append(nil)); err != nil {
		return ours, hungUp(err)
	}
	head := make([]byte, frame.PrefaceSize)
	if n, err := io.ReadFull(raw, head); err != nil {
		switch {
		case n == 0:
			err = hungUp(err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("%w: it said % x and closed the connection%s", ErrNotOurs, head[:n], resembles(head))
		}
		return ours, err
	}
	hello, n, err := frame.ParsePreface(head)
	if err != nil {
		return hello, fmt.Errorf("%w: %w%s", ErrNotOurs, err, resembles(head))
	}
	settings := make([]byte, n)
	if _, err := io.ReadFull(raw, settings); err != nil {
		return hello, fmt.Errorf("the server's preface breaks off: %w", err)
	}
	switch {
	case hello.Low == 0:
		return hello, fmt.Errorf("%w: %d is spoken here, the server's highest version is %d", ErrNotOurs, frame.Version, hello.High)
	case hello.Low != frame.Version:
		return hello, fmt.Errorf("%w: the server chose version %d, which was not offered", transport.ErrProtocol, hello.Low)
	}
	hello.Limits = frame.Assumed()
	if err := hello.Limits.Read(settings); err != nil {
		return hello, fmt.Errorf("%w: %w", transport.ErrProtocol, err)
	}
	if hello.Limits.Exchanges == 0 {
		return hello, errNone
	}
	return hello, nil
}

// resembles returns a hint for the error text if head is the beginning of another
// protocol, whose address was given by mistake.
func resembles(head []byte) string {
	const alert, version = 21, 3 // of a TLS record
	switch {
	case head[0] == alert && head[1] == version:
		return "; that is a TLS alert: it wants TLS (WithTLS, or https:// in the address)"
	case string(head[:4]) == "HTTP":
		return "; that is HTTP: use the http transport"
	case head[0] == 0 && head[1] == 0 && head[3] == 4: // a short SETTINGS frame
		return "; that is HTTP/2: use the grpc transport"
	}
	return ""
}

// hungUp returns errHungUp if err says that the peer has closed the connection, else
// err.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return errHungUp
	}
	return err
}

func (t *Transport) newConn(raw net.Conn, hello frame.Preface) *conn {
	c := &conn{clock: t.clock}
	c.init(raw, c, &t.config, &t.shelf)
	c.start(session.NewClient(session.Config{
		Own: t.config.limits, Peer: hello.Limits, Assembly: maxAssembly, Segments: &t.shelf.segments,
	}, t.config.limits.Exchanges, resetError))
	return c
}
