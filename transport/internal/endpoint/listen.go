// SPDX-License-Identifier: Apache-2.0

package endpoint

import "net"

// Listen listens on address, "host:port" with the host left out for all
// interfaces and port 0 for a free one, or one of the forms of a unix socket.
// The file of a unix socket must not exist; it is removed by Close. There are
// no schemes but unix: a listener cannot tell TLS by its address.
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

// Text returns an address in the form that [Parse] takes. It is "" for nil
// and for the nameless end of a unix socket.
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
