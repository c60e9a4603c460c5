// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package tcp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// fastIO does to a socket what needs no waiting: it writes as much as the
// kernel takes at once, so that whoever writes for others is never held up.
type fastIO struct {
	conn syscall.RawConn // nil if the connection is not a socket

	writing func(fd uintptr) bool // built once, so that calls do not allocate
	out     []byte
	body    []byte // behind out; nil for nothing
	n       int
	err     error

	reading func(fd uintptr) bool
	in      []byte
	got     int
	readErr error
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
		if f.body == nil {
			f.n, f.err = send(fd, f.out)
		} else {
			f.n, f.err = send2(fd, f.out, f.body)
		}
		return true
	}
	f.reading = func(fd uintptr) bool {
		f.got, f.readErr = receive(fd, f.in)
		return f.readErr == nil || !errors.Is(f.readErr, syscall.EAGAIN)
	}
}

func (f *fastIO) usable() bool { return f.conn != nil }

// write returns how much the kernel took at once, which may be nothing.
func (f *fastIO) write(p []byte) (n int, err error) { return f.write2(p, nil) }

// write2 is write for two pieces, one behind the other.
func (f *fastIO) write2(p, body []byte) (n int, err error) {
	f.out, f.body, f.n, f.err = p, body, 0, nil
	err = f.conn.Write(f.writing)
	f.out, f.body = nil, nil
	switch {
	case err != nil:
		return 0, err
	case f.err == nil:
		return f.n, nil
	case errors.Is(f.err, syscall.EAGAIN):
		return 0, nil
	}
	return 0, os.NewSyscallError("write", f.err)
}

// read waits for bytes, as long as the socket's deadline allows.
func (f *fastIO) read(p []byte) (n int, err error) {
	f.in = p
	err = f.conn.Read(f.reading)
	f.in = nil
	switch {
	case err != nil:
		return 0, err
	case f.readErr != nil:
		return 0, os.NewSyscallError("read", f.readErr)
	case f.got == 0:
		return 0, io.EOF
	}
	return f.got, nil
}
