// SPDX-License-Identifier: Apache-2.0

package http

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
	"example.com/mailcall/transport/internal/endpoint"
)

// firstHead is how long a client may take to send the head of its first
// request, TLS handshake included; go-micro's value. Later requests may take
// for ever.
const firstHead = 5 * time.Second

// Listen accepts connections on address, "host:port" where port 0 picks a free
// one, or "unix:/path", a file that must not exist and is removed by Close. The
// accepted connections answer as go-micro's server does: status 200 always,
// the header of the connection's first request repeated in each answer and
// overlaid with the header of the message sent; and as there a client has five
// seconds to send the head of its first request. They implement
// [transport.Peer]. With [WithTLS] the configuration must hold a certificate.
func (t *Transport) Listen(address string) (transport.Listener, error) {
	if c := t.tls; c != nil && len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return nil, fmt.Errorf("http transport: listen %s: the TLS configuration has no certificate", address)
	}
	ln, err := endpoint.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("http transport: %w", err)
	}
	return &listener{t: t, ln: ln}, nil
}

type listener struct {
	t  *Transport
	ln net.Listener
}

// Accept implements [transport.Listener]. It does not wait for the TLS
// handshake: the first Recv does.
func (l *listener) Accept() (transport.Conn, error) {
	raw, err := l.ln.Accept()
	if err != nil {
		return nil, fmt.Errorf("http transport: %w", err)
	}
	s := socket{link: newLink(raw)}
	s.link.limit(time.Now().Add(firstHead))
	if l.t.tls != nil {
		s.tls = tls.Server(underlay{s.link}, l.t.tls)
	}
	return &peer{socket: s, t: l.t, in: wire.NewReader(s.reader(), l.t.limits, true)}, nil
}

// Address implements [transport.Listener].
func (l *listener) Address() string { return endpoint.Text(l.ln.Addr()) }

// Close implements [transport.Listener].
func (l *listener) Close() error { return l.ln.Close() }
