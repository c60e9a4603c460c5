// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"example.com/mailcall/transport/internal/endpoint"
)

// target is a parsed address.
type target struct {
	network   string // "tcp" or "unix"
	address   string // what the dialer is given
	authority string // value of the :authority header
	secure    bool   // the address itself asks for TLS
}

// parseAddress parses the addresses that all transports have in common, see package
// endpoint, and "unix:path" with a relative path, which gRPC also knows. The authority
// always has a port. An address that asks for cleartext is refused if there is a TLS
// configuration.
func parseAddress(address string, c *tls.Config) (target, error) {
	if path, is := relativePath(address); is {
		if path == "" {
			return target{}, errors.New("want unix:/path, the path is empty")
		}
		return target{network: endpoint.Unix, address: path, authority: "localhost"}, nil
	}
	e, err := endpoint.Parse(address)
	if err == nil && e.Plain && c != nil {
		err = endpoint.ErrCleartext
	}
	if err != nil {
		return target{}, err
	}
	t := target{network: e.Network, address: e.Address, authority: e.Authority, secure: e.TLS}
	if _, port, err := net.SplitHostPort(e.Address); err == nil && e.Network == endpoint.TCP {
		t.authority = net.JoinHostPort(e.Host, port)
	}
	return t, nil
}

// relativePath returns the path of a unix socket if it is a relative one.
func relativePath(address string) (string, bool) {
	path, is := strings.CutPrefix(address, endpoint.Unix+":")
	return path, is && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@")
}

// listenAt listens on an address, and returns the one to dial.
func listenAt(address string) (net.Listener, string, error) {
	if path, is := relativePath(address); is {
		l, err := net.Listen(endpoint.Unix, path)
		return l, address, err
	}
	l, err := endpoint.Listen(address)
	if err != nil {
		return nil, "", err
	}
	return l, endpoint.Text(l.Addr()), nil
}
