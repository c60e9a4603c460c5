// SPDX-License-Identifier: Apache-2.0

//go:build darwin

package fast

import (
	"errors"
	"syscall"
)

// send writes as much of p as possible without blocking.
func send(fd uintptr, p []byte) (int, error) { return again(syscall.Write, fd, p) }

// send2 is send for two slices, and writes body if all of p is written.
func send2(fd uintptr, p, body []byte) (int, error) {
	n, err := send(fd, p)
	if err != nil || n < len(p) {
		return n, err
	}
	m, err := send(fd, body)
	if err != nil {
		err = nil // the next write returns it again
	}
	return n + m, err
}

// receive reads without blocking.
func receive(fd uintptr, p []byte) (int, error) { return again(syscall.Read, fd, p) }

// peek is receive, but leaves the bytes in the socket.
func peek(fd uintptr, p []byte) (int, error) {
	return again(func(fd int, p []byte) (int, error) {
		n, _, err := syscall.Recvfrom(fd, p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return n, err
	}, fd, p)
}

func again(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err == nil || !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
