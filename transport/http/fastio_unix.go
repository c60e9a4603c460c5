// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package http

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// fastIO does to a socket what needs no waiting: it writes as much as the
// kernel takes at once, so that the write direction needs no deadline, and
// looks at what has come in without taking it.
type fastIO struct {
	conn syscall.RawConn // nil if the connection is not a socket

	writing func(fd uintptr) bool // built once, so that calls do not allocate
	out     []byte
	n       int
	err     error

	reading func(fd uintptr) bool
	in      []byte
	got     int
	readErr error

	peeking func(fd uintptr)
	seen    [5]byte // as long as the header of a TLS record
	peeked  int
	peekErr error
}

func (f *fastIO) init(raw net.Conn) {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return
	}
	conn, err := sc.SyscallConn()
	if err != nil {
		return
	}
	f.conn = conn
	f.writing = func(fd uintptr) bool {
		f.n, f.err = send(fd, f.out)
		return true
	}
	f.reading = func(fd uintptr) bool {
		f.got, f.readErr = receive(fd, f.in)
		return f.readErr == nil || !errors.Is(f.readErr, syscall.EAGAIN)
	}
	f.peeking = func(fd uintptr) {
		for {
			f.peeked, _, f.peekErr = syscall.Recvfrom(int(fd), f.seen[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if f.peekErr == nil || !errors.Is(f.peekErr, syscall.EINTR) {
				return
			}
		}
	}
}

func (f *fastIO) usable() bool { return f.conn != nil }

// write returns how much the kernel took, and whether that was the end of it:
// all of p, or an error.
func (f *fastIO) write(p []byte) (n int, done bool, err error) {
	if f.conn == nil || len(p) == 0 {
		return 0, false, nil
	}
	f.out, f.n, f.err = p, 0, nil
	err = f.conn.Write(f.writing)
	f.out = nil
	if err != nil || f.err != nil && errors.Is(f.err, syscall.EAGAIN) {
		return 0, false, nil //nolint:nilerr // a poke, or closed: the slow path finds out
	}
	if f.err != nil {
		return 0, true, f.err
	}
	return f.n, f.n == len(p), nil
}

// read waits for bytes, as long as the socket's deadline allows. ok is false
// if the connection is not a socket.
func (f *fastIO) read(p []byte) (n int, ok bool, err error) {
	if f.conn == nil || len(p) == 0 {
		return 0, false, nil
	}
	f.in = p
	err = f.conn.Read(f.reading)
	f.in = nil
	switch {
	case err != nil:
		return 0, true, err
	case f.readErr != nil:
		return 0, true, os.NewSyscallError("read", f.readErr)
	case f.got == 0:
		return 0, true, io.EOF
	}
	return f.got, true, nil
}

// peek tells what the next read would find.
func (f *fastIO) peek() sight {
	if f.conn == nil {
		return sightNothing
	}
	// RawConn.Read refuses once a deadline has passed, and ours may have
	// passed long ago; Control does not care.
	if err := f.conn.Control(f.peeking); err != nil {
		return sightEnd
	}
	switch {
	case errors.Is(f.peekErr, syscall.EAGAIN):
		return sightNothing
	case f.peekErr != nil || f.peeked <= 0:
		return sightEnd
	}
	return sightData
}

// head returns the first bytes that peek saw.
func (f *fastIO) head() []byte { return f.seen[:f.peeked] }
