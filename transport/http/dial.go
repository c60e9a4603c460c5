// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	"example.com/mailcall/internal/stage"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/endpoint"
)

// Dial opens a connection to address, through a proxy if there is one for it, with
// the TLS handshake. The forms of address are
//
//	host:port, [::1]:port   TCP; TLS if the port is 443
//	https://host[:port]     TLS, port 443 unless given
//	http://host[:port]      cleartext, port 80 unless given
//	unix:/path              a unix socket; unix:///path is the same
//	unix:@name              an abstract unix socket, Linux only
//
// If the address asks for TLS, the certificate is verified with the system's root
// certificates; with [WithTLS] every connection uses that configuration, and http://
// is refused. A name with several addresses is dialled as RFC 8305 specifies. Unix
// sockets are dialled without a proxy, and their Host field is "localhost".
//
// Dial returns when ctx ends at the latest. The connection implements
// [transport.RoundTripper] and [transport.Peer]. Every error matches
// [transport.ErrNotSent].
func (t *Transport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	to, err := endpoint.ParseWithTLS(address, t.tls)
	var s socket
	if err == nil {
		s, err = t.open(ctx, to)
	}
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("http transport: dial %s: %w", address, err))
	}
	s.link.limit(time.Time{})
	return newConn(t, s, address, to.Authority), nil
}

func (t *Transport) open(ctx context.Context, to endpoint.Endpoint) (socket, error) {
	var proxy *url.URL
	var err error
	if t.proxy != nil && to.Network == endpoint.TCP {
		if proxy, err = t.proxy(to.Address); err != nil {
			return socket{}, fmt.Errorf("ask for the proxy: %w", err)
		}
	}
	target := to
	if proxy != nil {
		target = endpoint.Endpoint{Network: endpoint.TCP}
		if target.Address, err = proxyAddress(proxy); err != nil {
			return socket{}, err
		}
	}
	raw, err := t.connect(proxyContext(ctx, proxy), target)
	if err != nil {
		return socket{}, proxyError(proxy, err)
	}
	s, err := t.establish(ctx, raw, proxy, to)
	if err != nil {
		_ = raw.Close() // the first error says more
		return socket{}, err
	}
	return s, nil
}

// proxyContext returns ctx for connecting to the proxy, if there is one.
func proxyContext(ctx context.Context, proxy *url.URL) context.Context {
	if proxy == nil {
		return ctx
	}
	return stage.At(ctx, "proxy "+proxy.Host)
}

// proxyError adds the proxy, if there is one, to err.
func proxyError(proxy *url.URL, err error) error {
	if proxy == nil {
		return err
	}
	return fmt.Errorf("proxy %s: %w", proxy.Host, err)
}

func (t *Transport) connect(ctx context.Context, to endpoint.Endpoint) (net.Conn, error) {
	stage.Enter(ctx, stage.Connecting)
	if t.dial != nil {
		return t.dial(ctx, to.Network, to.Address)
	}
	return t.dialer.Dial(ctx, to)
}

// establish makes a socket from a new connection: first the tunnel through the
// proxy, then TLS.
func (t *Transport) establish(ctx context.Context, raw net.Conn, proxy *url.URL, to endpoint.Endpoint) (socket, error) {
	s := socket{link: newLink(raw, t.watcher())}
	deadline, _ := ctx.Deadline()
	s.link.bind(ctx, deadline)
	if proxy != nil {
		tunnelled, err := t.tunnel(proxyContext(ctx, proxy), s, proxy, to.Address)
		if err != nil {
			return s, proxyError(proxy, err)
		}
		s = tunnelled
	}
	switch {
	case t.tls != nil:
		return s.secure(ctx, withServerName(t.tls, to.Host))
	case to.TLS:
		system := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{alpn}, ServerName: to.Host}
		return s.secure(ctx, system)
	}
	return s, nil
}

// secure runs the TLS handshake as a client. The socket may use TLS already.
func (s socket) secure(ctx context.Context, c *tls.Config) (socket, error) {
	var below net.Conn = underlay{s.link}
	if s.tls != nil {
		below = nested{s.tls, s.link}
	}
	stage.Enter(ctx, stage.Securing)
	conn := tls.Client(below, c)
	// The link ends the handshake when ctx ends; HandshakeContext would start a
	// goroutine for that.
	if err := conn.Handshake(); err != nil { //nolint:noctx // see above
		if ended := ctx.Err(); ended != nil {
			err = ended
		}
		return s, fmt.Errorf("tls handshake: %w", err)
	}
	s.tls = conn
	return s, nil
}

// nested is a TLS connection to a proxy that carries another TLS connection. Its
// deadlines are those of the link.
type nested struct {
	*tls.Conn
	link *link
}

func (n nested) Read(p []byte) (int, error) {
	got, err := n.Conn.Read(p)
	n.link.note(err)
	return got, err
}

func (nested) SetDeadline(time.Time) error { return nil }

func (nested) SetReadDeadline(time.Time) error { return nil }

func (nested) SetWriteDeadline(time.Time) error { return nil }

// withServerName returns the configuration with the server name to verify.
func withServerName(c *tls.Config, host string) *tls.Config {
	if c.ServerName != "" {
		return c
	}
	c = c.Clone()
	c.ServerName = host
	return c
}
