// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package fast

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"example.com/mailcall/transport"
)

// IO reads and writes a socket. A write never blocks: it writes as much as fits into
// the send buffer, so that this direction needs no deadline. At the same time one
// goroutine may write, one may read and one may peek; a round trip both reads and
// writes. The zero value is not usable; see [IO.Init].
type IO struct {
	conn syscall.RawConn // nil if the connection is not a socket

	writing  func(fd uintptr) bool // built once, so that calls do not allocate
	out      []byte
	behind   []byte // what to write after out; nil for nothing
	n        int
	writeErr error

	reading func(fd uintptr) bool
	in      []byte
	got     int
	readErr error

	turning  func(fd uintptr) bool
	progress transport.Progress

	peeking func(fd uintptr)
	seen    [1]byte
	saw     Sight // result of the check of a round trip
	peeked  int
	peekErr error
}

// Init makes f usable if raw is a socket.
func (f *IO) Init(raw net.Conn) {
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
		if f.behind == nil {
			f.n, f.writeErr = send(fd, f.out)
		} else {
			f.n, f.writeErr = send2(fd, f.out, f.behind)
		}
		return true
	}
	f.reading = func(fd uintptr) bool {
		f.got, f.readErr = receive(fd, f.in)
		return f.readErr == nil || !errors.Is(f.readErr, syscall.EAGAIN)
	}
	f.turning = f.step
	f.peeking = func(fd uintptr) {
		f.peeked, f.peekErr = peek(fd, f.seen[:])
	}
}

// Usable reports whether the connection is a socket. If it is not, only Peek may be
// called.
func (f *IO) Usable() bool { return f.conn != nil }

// Write writes as much of p as possible without blocking, perhaps nothing, and returns
// how much. An error of the socket is an [*os.SyscallError]; any other error is of the
// runtime: a deadline has passed, or the socket was closed on this side.
func (f *IO) Write(p []byte) (int, error) { return f.Write2(p, nil) }

// Write2 is Write for p followed by behind.
func (f *IO) Write2(p, behind []byte) (int, error) {
	f.out, f.behind, f.n, f.writeErr = p, behind, 0, nil
	err := f.conn.Write(f.writing)
	f.out, f.behind = nil, nil
	switch {
	case err != nil:
		return 0, err
	case f.writeErr == nil:
		return f.n, nil
	case errors.Is(f.writeErr, syscall.EAGAIN):
		return 0, nil
	}
	return 0, os.NewSyscallError("write", f.writeErr)
}

// Read blocks until bytes are received or the read deadline of the socket passes. At
// the end of the stream it returns io.EOF.
func (f *IO) Read(p []byte) (int, error) {
	f.in = p
	err := f.conn.Read(f.reading)
	f.in = nil
	switch {
	case err != nil:
		return 0, err
	case f.readErr != nil:
		return 0, os.NewSyscallError("read", f.readErr)
	case f.got == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return f.got, nil
}

// RoundTrip checks that nothing has been received, writes out, blocks until bytes are
// received, and reads up to len(in) of them. If the check fails, it writes nothing and
// reports the result in [Turn.Seen]. It calls p when all of out is written; if the
// socket does not accept all of it at once, it returns without reading. The errors are
// those of Write and Read.
//
// It needs one system call less than Peek, Write and Read. The network poller watches
// the socket from before the check until after the write, so that no further read is
// needed before it waits: the check was that read.
func (f *IO) RoundTrip(out, in []byte, p transport.Progress) (Turn, error) {
	f.out, f.in, f.progress = out, in, p
	f.saw, f.n, f.got, f.writeErr, f.readErr = Nothing, 0, 0, nil, nil
	err := f.conn.Read(f.turning)
	f.out, f.in, f.progress = nil, nil, nil
	turn := Turn{Seen: f.saw, Written: f.n, Got: f.got}
	switch {
	case err != nil:
		return turn, err
	case f.writeErr != nil:
		return turn, os.NewSyscallError("write", f.writeErr)
	case f.readErr != nil && !errors.Is(f.readErr, io.EOF):
		return turn, os.NewSyscallError("read", f.readErr)
	}
	return turn, f.readErr
}

// step is called at the beginning of a round trip, and each time that the socket may
// have something to read. It reports whether the round trip is over.
func (f *IO) step(fd uintptr) bool {
	n, err := receive(fd, f.in)
	again := errors.Is(err, syscall.EAGAIN)
	if f.n > 0 {
		if f.got, f.readErr = n, err; n == 0 && err == nil {
			f.readErr = io.EOF
		}
		return !again
	}
	if !again {
		f.saw, f.got = sight(n, err), max(n, 0)
		return true
	}
	f.n, f.writeErr = send(fd, f.out)
	if errors.Is(f.writeErr, syscall.EAGAIN) {
		f.writeErr = nil
	}
	if f.n < len(f.out) {
		return true
	}
	f.out = nil // p may reuse the memory
	f.progress.Sent()
	return false
}

// Peek returns what the next Read would find, without blocking. If the connection is
// not a socket, that is [Nothing].
func (f *IO) Peek() Sight {
	if f.conn == nil {
		return Nothing
	}
	// Unlike RawConn.Read, Control works after a deadline has passed.
	if err := f.conn.Control(f.peeking); err != nil {
		return End
	}
	return sight(f.peeked, f.peekErr)
}

// sight returns the result of a check that has read n bytes, or has failed with err.
func sight(n int, err error) Sight {
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return Nothing
	case err != nil || n <= 0:
		return End
	}
	return Data
}
