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

// firstHead is how long a client may take to send the head of its first request,
// including the TLS handshake; the value is go-micro's. There is no such limit for
// later requests.
const firstHead = 5 * time.Second

// Listen listens on address: "host:port", where port 0 picks a free one, or
// "unix:/path", a file that must not exist yet and is removed by Close. The accepted
// connections answer like go-micro's server: the status is always 200, and each
// answer repeats the header of the connection's first request, overridden by the
// header of the message. As there, a client has five seconds to send the head of its
// first request. The connections implement [transport.Peer]. With [WithTLS] the
// configuration must contain a certificate, otherwise Listen fails.
func (t *Transport) Listen(address string) (transport.Listener, error) {
	if err := endpoint.CheckServerTLS(t.tls); err != nil {
		return nil, fmt.Errorf("http transport: listen %s: %w", address, err)
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

// Accept implements [transport.Listener]. It does not wait for the TLS handshake,
// which the first Recv runs.
func (l *listener) Accept() (transport.Conn, error) {
	raw, err := l.ln.Accept()
	if err != nil {
		return nil, fmt.Errorf("http transport: %w", err)
	}
	s := socket{link: newLink(raw, l.t.watcher())}
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
