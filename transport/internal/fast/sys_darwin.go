// SPDX-License-Identifier: Apache-2.0

//go:build darwin

package fast

import (
	"errors"
	"syscall"
)

// send writes what the kernel takes at once.
func send(fd uintptr, p []byte) (int, error) { return again(syscall.Write, fd, p) }

// send2 writes two pieces; the second one is tried when all of the first is
// written.
func send2(fd uintptr, p, body []byte) (int, error) {
	n, err := send(fd, p)
	if err != nil || n < len(p) {
		return n, err
	}
	m, err := send(fd, body)
	if err != nil {
		err = nil // it comes again with the next write
	}
	return n + m, err
}

// receive reads what has come.
func receive(fd uintptr, p []byte) (int, error) { return again(syscall.Read, fd, p) }

// peek looks at what has come and leaves it there.
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
