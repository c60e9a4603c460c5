// SPDX-License-Identifier: Apache-2.0

package endpoint

import "net"

// Listen listens on address: "host:port", where no host means all interfaces and port
// 0 a free one, or one of the forms of a unix socket. The file of a unix socket must
// not exist yet; Close removes it. Of the schemes only unix is accepted, because the
// address does not determine whether a listener uses TLS.
func Listen(address string) (net.Listener, error) {
	path, ok := unixPath(address)
	if !ok {
		return net.Listen(TCP, address)
	}
	e, err := parseUnix(path)
	if err != nil {
		return nil, err
	}
	return net.Listen(Unix, e.Address)
}

// Text returns an address in the form that [Parse] accepts. It is "" for nil and for
// an end of a unix socket without a name.
func Text(a net.Addr) string {
	if a == nil {
		return ""
	}
	s := a.String()
	switch {
	case a.Network() != Unix:
		return s
	case s == "" || s == "@":
		return ""
	}
	return Unix + ":" + s
}
