// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"example.com/mailcall/transport"
)

// Dial opens a connection to address, "host:port", through a proxy if there is
// one for it, and shakes hands for TLS. It returns when ctx ends at the
// latest. The connection implements [transport.Exclusive] and
// [transport.Peer]. Every error matches [transport.ErrNotSent].
func (t *Transport) Dial(ctx context.Context, address string) (transport.Conn, error) {
	s, err := t.open(ctx, address)
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("http transport: dial %s: %w", address, err))
	}
	s.link.limit(time.Time{})
	return newConn(t, s, address), nil
}

func (t *Transport) open(ctx context.Context, address string) (socket, error) {
	host, err := hostOf(address)
	if err != nil {
		return socket{}, err
	}
	var proxy *url.URL
	if t.proxy != nil {
		if proxy, err = t.proxy(address); err != nil {
			return socket{}, fmt.Errorf("ask for the proxy: %w", err)
		}
	}
	target := address
	if proxy != nil {
		if target, err = proxyAddress(proxy); err != nil {
			return socket{}, err
		}
	}
	raw, err := t.dial(ctx, network, target)
	if err != nil {
		return socket{}, err
	}
	s, err := t.establish(ctx, raw, proxy, address, host)
	if err != nil {
		_ = raw.Close() // the first error says more
		return socket{}, err
	}
	return s, nil
}

// establish makes a socket of a fresh connection: tunnel first, TLS on top.
func (t *Transport) establish(ctx context.Context, raw net.Conn, proxy *url.URL, address, host string) (socket, error) {
	s := socket{link: newLink(raw)}
	deadline, _ := ctx.Deadline()
	s.link.bind(ctx, deadline)
	if proxy != nil {
		tunnelled, err := t.tunnel(ctx, s, proxy, address)
		if err != nil {
			return s, fmt.Errorf("proxy %s: %w", proxy.Host, err)
		}
		s = tunnelled
	}
	if t.tls == nil {
		return s, nil
	}
	return s.secure(ctx, named(t.tls, host))
}

// secure shakes hands as a client. What lies below may be TLS already.
func (s socket) secure(ctx context.Context, c *tls.Config) (socket, error) {
	var below net.Conn = underlay{s.link}
	if s.tls != nil {
		below = nested{s.tls}
	}
	conn := tls.Client(below, c)
	// The link below ends the handshake with ctx; HandshakeContext would
	// spend a goroutine on it.
	if err := conn.Handshake(); err != nil { //nolint:noctx // see above
		if ended := ctx.Err(); ended != nil {
			err = ended
		}
		return s, fmt.Errorf("tls handshake: %w", err)
	}
	s.tls = conn
	return s, nil
}

// nested is TLS that carries TLS: to a proxy that is itself reached by TLS.
// Its deadlines are the link's.
type nested struct{ *tls.Conn }

func (nested) SetDeadline(time.Time) error { return nil }

func (nested) SetReadDeadline(time.Time) error { return nil }

func (nested) SetWriteDeadline(time.Time) error { return nil }

// named returns the configuration with the name that the peer must prove.
func named(c *tls.Config, host string) *tls.Config {
	if c.ServerName != "" {
		return c
	}
	c = c.Clone()
	c.ServerName = host
	return c
}

// hostOf checks an address, because it goes into the Host field as it is.
func hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("want host:port: %w", err)
	}
	if host == "" || port == "" {
		return "", fmt.Errorf("want host:port, %q lacks one of them", address)
	}
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`/\?#@"<>`, c) }
	if strings.ContainsFunc(address, bad) {
		return "", fmt.Errorf("want host:port, %q has a character that neither can have", address)
	}
	return host, nil
}
