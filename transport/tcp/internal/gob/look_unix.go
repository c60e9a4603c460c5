// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package gob

import (
	"errors"
	"syscall"
)

// gone looks at the socket without taking anything from it. It reports whether
// the peer has closed, or sent what nobody asked for.
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
	// Control does not mind a deadline that has passed, as Read would.
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
	return goodbye(seen[:n])
}

// goodbye recognises the header of a TLS record that holds an alert: by its
// type before TLS 1.3, by its length since (2 bytes, the true type and the
// authentication tag; RFC 8446, sections 5.2 and 6). Other records may be
// session tickets, which are no reason to give a connection up.
func goodbye(record []byte) bool {
	const alert, application, sealedAlert = 21, 23, 2 + 1 + 16
	if len(record) < 5 {
		return false
	}
	return record[0] == alert ||
		record[0] == application && record[3] == 0 && record[4] == sealedAlert
}
