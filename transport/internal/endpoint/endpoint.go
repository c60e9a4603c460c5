// SPDX-License-Identifier: Apache-2.0

// Package endpoint parses, dials and listens on addresses for the transports that use
// stream sockets, so that an address means the same for all of them:
//
//	host:port, [::1]:port   TCP; TLS if the port is 443
//	host, ::1, [::1]        TCP to port 443, TLS
//	https://host[:port]     TLS, port 443 unless given
//	http://host[:port]      cleartext, port 80 unless given
//	unix:/path              a unix socket, cleartext; unix:///path is the same
//	unix:@name              an abstract unix socket, Linux only
//
// The rules for TLS are those of go-micro's grpc client. TLS above means TLS that is
// verified with the system's root certificates; a transport with a TLS configuration
// uses that for every endpoint, and [ParseWithTLS] refuses one that is Plain.
//
// A transport calls [Parse] or [ParseWithTLS], then [Dialer.Dial], then runs the TLS
// handshake for [Endpoint].Host; its listener calls [CheckServerTLS], [Listen], and
// [Text] for its address.
package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
)

// The networks of an [Endpoint], as package net names them.
const (
	TCP  = "tcp"
	Unix = "unix"
)

const (
	portTLS   = "443"
	portPlain = "80"
	// localhost is used as the host name of a unix socket, which has none.
	localhost = "localhost"
	// maxAddress bounds the length of an address in bytes: a name has at most 253, a
	// path less than that.
	maxAddress = 512
)

// Endpoint is a parsed address. The zero value is not valid.
type Endpoint struct {
	// Network is TCP or Unix.
	Network string
	// Address is the address for package net: "host:port", with brackets around an
	// IPv6 address; the path of a unix socket, or "@name" of an abstract one.
	Address string
	// Host is the server name that TLS verifies: without port, brackets and zone.
	// "localhost" for unix sockets.
	Host string
	// Authority is the value of HTTP's Host field or :authority: host and port as in
	// the parsed address, with brackets and without zone. "localhost" for unix sockets.
	Authority string
	// TLS reports whether the address asks for TLS.
	TLS bool
	// Plain reports whether the address begins with http://, which excludes TLS.
	Plain bool
	// Bare reports whether the address has neither scheme nor port. The port may have
	// been forgotten; ParseWithTLS refuses such an address.
	Bare bool
}

// Parse parses an address in one of the forms of the package. It does not resolve
// names. The errors say what form is expected.
func Parse(address string) (Endpoint, error) {
	if len(address) > maxAddress {
		return Endpoint{}, fmt.Errorf("an address of %d bytes, the limit is %d", len(address), maxAddress)
	}
	if path, ok := unixPath(address); ok {
		return parseUnix(path)
	}
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return parseTCP(address, "")
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
		return parseTCP(strings.TrimSuffix(rest, "/"), scheme)
	case "unix":
		return Endpoint{}, fmt.Errorf("%q: want unix:/path or unix:///path, with an absolute path", address)
	}
	return Endpoint{}, fmt.Errorf("scheme %q of %q: want https, http, unix, or host:port without a scheme", scheme, address)
}

// unixPath returns the path or name after "unix:", and false if the address is not
// that of a unix socket; "unix:80" is a host called unix.
func unixPath(address string) (string, bool) {
	const scheme = "unix:"
	if len(address) <= len(scheme) || !strings.EqualFold(address[:len(scheme)], scheme) {
		return "", false
	}
	rest := address[len(scheme):]
	if path, ok := strings.CutPrefix(rest, "//"); ok {
		return path, strings.HasPrefix(path, "/")
	}
	return rest, rest[0] == '/' || rest[0] == '@'
}

func parseUnix(path string) (Endpoint, error) {
	// The kernel's sun_path has 108 bytes on Linux, 104 elsewhere, including the NUL
	// at the end.
	limit := 103
	if runtime.GOOS == "linux" {
		limit = 107
	}
	switch {
	case len(path) > limit:
		return Endpoint{}, fmt.Errorf("the path of a unix socket has %d bytes, the system allows %d", len(path), limit)
	case strings.ContainsRune(path, 0):
		return Endpoint{}, fmt.Errorf("the path %q of a unix socket has a NUL", path)
	case len(path) == 1:
		return Endpoint{}, fmt.Errorf("%q is no path of a unix socket", path)
	case path[0] == '@' && runtime.GOOS != "linux":
		return Endpoint{}, fmt.Errorf("%q: abstract unix sockets exist on Linux only, want unix:/path", path)
	}
	return Endpoint{Network: Unix, Address: path, Host: localhost, Authority: localhost}, nil
}

// parseTCP parses the host and port after a scheme, which may be "".
func parseTCP(s, scheme string) (Endpoint, error) {
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`/\?#@"<>`, c) }
	if i := strings.IndexFunc(s, bad); i >= 0 {
		return Endpoint{}, fmt.Errorf("want host:port, %q has a character that neither can have: %q", s, s[i:i+1])
	}
	host, port, err := split(s)
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Network: TCP, Plain: scheme == "http", Bare: scheme == "" && port == ""}
	e.TLS = !e.Plain && (scheme == "https" || port == "" || port == portTLS)
	e.Host, _, _ = strings.Cut(host, "%")
	e.Authority = e.Host
	if strings.Contains(host, ":") {
		e.Authority = "[" + e.Host + "]"
	}
	if port != "" {
		e.Authority += ":" + port
	} else if port = portTLS; e.Plain {
		port = portPlain
	}
	e.Address = net.JoinHostPort(host, port)
	return e, nil
}

// split returns the host, without brackets, and the port, "" if there is none.
func split(s string) (host, port string, err error) {
	if address, ok := alone(s); ok {
		return address, "", ambiguous(s)
	}
	if !strings.Contains(s, ":") {
		host = s
	} else if host, port, err = net.SplitHostPort(s); err != nil {
		return "", "", fmt.Errorf("want host:port: %w", err)
	} else if port == "" {
		return "", "", fmt.Errorf("want host:port, %q lacks the port", s)
	}
	switch {
	case host == "":
		return "", "", fmt.Errorf("want host:port, %q lacks the host", s)
	case strings.ContainsAny(host, "[]"):
		return "", "", fmt.Errorf("want host:port, %q has a bracket out of place", s)
	case strings.Contains(host, ":"):
		if !isIPv6(host) {
			return "", "", fmt.Errorf("want host:port, %q is no IPv6 address", host)
		}
	case strings.Contains(host, "%"):
		return "", "", fmt.Errorf("want host:port, %q has a zone, which only IPv6 addresses have", host)
	}
	return host, port, checkPort(port)
}

// alone returns the IPv6 address if s is one, with or without brackets, and has no
// port.
func alone(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", false
		}
	}
	return s, isIPv6(s)
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	// Package netip allows any zone.
	return err == nil && a.Is6() && !strings.ContainsAny(a.Zone(), "[]")
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// ambiguous returns an error if s is an IPv6 address, and also without its last part,
// which may be a port.
func ambiguous(s string) error {
	i := strings.LastIndexByte(s, ':')
	if s[0] == '[' || !isIPv6(s[:i]) || !isNumber(s[i+1:]) {
		return nil
	}
	return fmt.Errorf("%q is ambiguous: write [%s]:%s for port %[3]s, or [%s] for an address without a port", s, s[:i], s[i+1:], s)
}

// checkPort accepts a number or the name of a service.
func checkPort(port string) error {
	n, err := strconv.Atoi(port)
	switch {
	case err == nil && (n < 0 || n > 65535), errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("port %s: want 0 to 65535", port)
	case strings.ContainsFunc(port, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}):
		return fmt.Errorf("port %q: want a number, or unix:/path with an absolute path for a unix socket", port)
	}
	return nil
}
