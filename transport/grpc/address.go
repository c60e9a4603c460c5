// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"fmt"
	"net"
	"strings"
)

const (
	schemeTLS   = "https://"
	schemePlain = "http://"
	schemeUnix  = "unix:"
	portTLS     = "443"
)

// target is a parsed address.
type target struct {
	network   string // "tcp" or "unix"
	address   string // what the dialer is given
	authority string // value of the :authority header
	secure    bool   // the address itself asks for TLS
}

// parseAddress reads "host:port", "host" (TLS on port 443), "https://host",
// "https://host:port", "http://host:port" and "unix:/path".
func parseAddress(address string) (target, error) {
	if path, ok := strings.CutPrefix(address, schemeUnix); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return target{}, fmt.Errorf("want unix:/path, %q has no path", address)
		}
		return target{network: "unix", address: path, authority: "localhost"}, nil
	}
	rest, plain := strings.CutPrefix(address, schemePlain)
	rest, secure := strings.CutPrefix(rest, schemeTLS)
	rest = strings.TrimSuffix(rest, "/")
	host, port, err := split(rest)
	if err != nil {
		return target{}, err
	}
	if port == "" && plain {
		return target{}, fmt.Errorf("want host:port, %q lacks the port", address)
	}
	if port == "" {
		port = portTLS
	}
	t := target{network: "tcp", address: net.JoinHostPort(host, port)}
	t.secure = secure || !plain && port == portTLS
	t.authority = t.address
	if unzoned, _, ok := strings.Cut(host, "%"); ok {
		t.authority = net.JoinHostPort(unzoned, port) // the zone has no meaning on other hosts
	}
	return t, nil
}

func split(address string) (host, port string, err error) {
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`/\?#@"<>`, c) }
	if address == "" || strings.ContainsFunc(address, bad) {
		return "", "", fmt.Errorf("want host:port, %q is empty or has an invalid character", address)
	}
	if !strings.Contains(address, ":") {
		return address, "", nil
	}
	if inner, ok := strings.CutPrefix(address, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]"), "", nil
	}
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("want host:port: %w", err)
	}
	if host == "" || port == "" {
		return "", "", fmt.Errorf("want host:port, %q lacks host or port", address)
	}
	return host, port, nil
}
