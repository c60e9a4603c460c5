// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package gob

import (
	"errors"
	"syscall"
)

// gone peeks at the socket. It reports whether the peer has closed the connection or
// sent something unsolicited.
func (c *Conn) gone() bool {
	socket, ok := c.below().(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	var (
		seen [5]byte // as long as the header of a TLS record
		n    int
		look error
	)
	// Unlike Read, Control works after a deadline has passed.
	err = raw.Control(func(fd uintptr) {
		for {
			n, _, look = syscall.Recvfrom(int(fd), seen[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if look == nil || !errors.Is(look, syscall.EINTR) {
				return
			}
		}
	})
	switch {
	case err != nil:
		return true
	case errors.Is(look, syscall.EAGAIN):
		return false
	case look != nil || n <= 0 || c.tls == nil:
		return true
	}
	return isAlert(seen[:n])
}

// isAlert reports whether a TLS record with this header contains an alert. Before TLS 1.3
// its type shows it; since then its length does (2 bytes, the inner type and the
// authentication tag; RFC 8446, sections 5.2 and 6). Other records may be session
// tickets, after which the connection remains usable.
func isAlert(record []byte) bool {
	const alert, application, sealedAlert = 21, 23, 2 + 1 + 16
	if len(record) < 5 {
		return false
	}
	return record[0] == alert ||
		record[0] == application && record[3] == 0 && record[4] == sealedAlert
}
