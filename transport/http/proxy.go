// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"time"

	"example.com/mailcall/internal/stage"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

// tunnelAgent is go-micro's User-Agent in requests to a proxy.
const tunnelAgent = "micro/latest"

// refusalWait bounds the wait for the body of a proxy's refusal, which may not end.
const refusalWait = 100 * time.Millisecond

// proxyAddress returns the "host:port" of the proxy.
func proxyAddress(proxy *url.URL) (string, error) {
	port := proxy.Port()
	switch proxy.Scheme {
	case "http":
		if port == "" {
			port = "80"
		}
	case "https":
		if port == "" {
			port = "443"
		}
	default:
		return "", fmt.Errorf("proxy scheme %q, want http or https", proxy.Scheme)
	}
	if proxy.Hostname() == "" {
		return "", fmt.Errorf("proxy %q has no host", proxy.Redacted())
	}
	return net.JoinHostPort(proxy.Hostname(), port), nil
}

// tunnel asks the proxy to connect to address.
func (t *Transport) tunnel(ctx context.Context, s socket, proxy *url.URL, address string) (socket, error) {
	if proxy.Scheme == "https" {
		var err error
		if s, err = s.secure(ctx, t.toProxy(proxy)); err != nil {
			return s, err
		}
	}
	stage.Enter(ctx, "waiting for the answer to CONNECT")
	if _, err := s.write(&outgoing{b: connect(proxy, address)}, nil); err != nil {
		return s, fmt.Errorf("send CONNECT: %w", err)
	}
	in := wire.NewReader(s.reader(), t.limits, false)
	head, err := answered(in)
	if err != nil {
		return s, fmt.Errorf("answer to CONNECT: %w", err)
	}
	if head.Status > 299 {
		soon := time.Now().Add(refusalWait)
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(soon) {
			soon = deadline
		}
		s.link.bind(ctx, soon)
		body, _ := in.ReadBody(head) // best effort: the status is enough
		text := string(body[:min(len(body), maxStatusBody)])
		return s, &StatusError{Code: head.Status, Status: in.Status(), Body: text}
	}
	// In the tunnel the client sends first, so nothing may follow yet.
	if in.Buffered() > 0 {
		return s, fmt.Errorf("%w: %d bytes after the answer to CONNECT", transport.ErrProtocol, in.Buffered())
	}
	return s, nil
}

// toProxy returns the TLS configuration for the proxy itself: with the user's root
// certificates, but without the server name and the certificate, which are for the
// peer.
func (t *Transport) toProxy(proxy *url.URL) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.tls != nil {
		c.RootCAs, c.Rand, c.Time = t.tls.RootCAs, t.tls.Rand, t.tls.Time
	}
	c.NextProtos = []string{alpn}
	c.ServerName = proxy.Hostname()
	return c
}

// connect returns the request that opens the tunnel.
func connect(proxy *url.URL, address string) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "CONNECT "+address+" HTTP/1.1\r\nHost: "+address+"\r\nUser-Agent: "+tunnelAgent+"\r\n"...)
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		pair := proxy.User.Username() + ":" + password
		b = append(b, "Proxy-Authorization: Basic "...)
		b = base64.StdEncoding.AppendEncode(b, []byte(pair))
		b = append(b, '\r', '\n')
	}
	return append(b, '\r', '\n')
}
