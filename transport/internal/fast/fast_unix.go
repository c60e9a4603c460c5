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

// IO does to a socket what needs no waiting for room: it writes as much as the
// kernel takes at once, so that the writer is never held up and the
// direction needs no deadline, and looks at what has come without taking it.
// One goroutine at a time may write, one may read, one may peek; a round trip both
// reads and writes. The zero value
// is not usable; see [IO.Init].
type IO struct {
	conn syscall.RawConn // nil if the connection is not a socket

	writing  func(fd uintptr) bool // built once, so that calls do not allocate
	out      []byte
	behind   []byte // a second piece; nil for none
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
	saw     Sight // by a round trip
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

// Usable reports whether the connection is a socket. If it is not, the other
// methods must not be called, but for Peek.
func (f *IO) Usable() bool { return f.conn != nil }

// Write returns how much of p the kernel took at once, which may be nothing. An
// error of the socket is an [*os.SyscallError]; any other says that the runtime
// did not let us: a deadline has passed, or the socket was closed here.
func (f *IO) Write(p []byte) (int, error) { return f.Write2(p, nil) }

// Write2 is Write for two pieces, one behind the other.
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

// Read waits for bytes, as long as the socket's deadline allows. The end is
// io.EOF.
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

// RoundTrip looks whether anything has come, writes out if nothing has, and waits
// for what comes then, of which it reads as much as fits into in. p is told when
// all of out is written. Where nothing is written, the turn says what was seen; an
// error is one of those of Write and Read.
//
// It takes one system call less than a look, a write and a Read. The poller watches
// the socket from before the look until after the write, so that there is no need
// to read in vain before the wait: the look was that read.
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

// step is what a round trip does at its beginning, and each time that the socket
// may have something to read. It reports whether the turn is over.
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
		f.saw = sight(n, err)
		return true
	}
	f.n, f.writeErr = send(fd, f.out)
	if errors.Is(f.writeErr, syscall.EAGAIN) {
		f.writeErr = nil
	}
	if f.n < len(f.out) {
		return true
	}
	f.out = nil // p may use the memory again
	f.progress.Sent()
	return false
}

// Peek tells what the next Read would find.
func (f *IO) Peek() Sight {
	if f.conn == nil {
		return Nothing
	}
	// RawConn.Read refuses once a deadline has passed, and one may have passed
	// long ago; Control does not care.
	if err := f.conn.Control(f.peeking); err != nil {
		return End
	}
	return sight(f.peeked, f.peekErr)
}

// sight is what it means that n bytes were there, or err.
func sight(n int, err error) Sight {
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return Nothing
	case err != nil || n <= 0:
		return End
	}
	return Data
}
