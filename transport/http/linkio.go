// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"net"
	"os"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
)

// Read reads from the socket within the bound.
func (l *link) Read(p []byte) (int, error) {
	switch {
	case l.idle:
		return l.readIdle(p)
	case l.trip.written == notStarted:
		return l.roundTrip(p)
	}
	s := &l.rd
	if err := l.prepare(s); err != nil {
		return 0, err
	}
	for {
		n, err := l.read(p)
		if err == nil || n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			l.release(s)
			return n, err
		}
		if err := l.expired(s); err != nil {
			l.release(s)
			return 0, err
		}
	}
}

// readIdle reads what has arrived, without blocking.
func (l *link) readIdle(p []byte) (int, error) {
	if !l.ask || l.fast.Peek() == fast.Nothing {
		return 0, nothingError{}
	}
	// A deadline that has passed would hide what is there.
	if err := l.arm(&l.rd, time.Time{}); err != nil {
		return 0, err
	}
	return l.read(p)
}

func (l *link) read(p []byte) (int, error) {
	if l.fast.Usable() {
		return l.fast.Read(p)
	}
	return l.raw.Read(p)
}

// Write writes all of p within the bound.
func (l *link) Write(p []byte) (int, error) {
	if l.state.Load()&stateInterrupted != 0 {
		return 0, transport.ErrInterrupted
	}
	if !l.fast.Usable() {
		return l.writeBlocking(p, 0)
	}
	n, err := l.fast.Write(p)
	if n == len(p) {
		return n, nil
	}
	if _, broken := err.(*os.SyscallError); broken { //nolint:errorlint // it is never wrapped
		return n, err
	}
	return l.writeBlocking(p, n) // which returns any other error as well
}

// writeBlocking writes p[n:], and blocks if it must. It returns how much of p is
// written.
func (l *link) writeBlocking(p []byte, n int) (int, error) {
	err := l.waitWrite(func() error {
		m, err := l.raw.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

// writev writes the buffers, with one system call if the socket supports it.
func (l *link) writev(bufs *net.Buffers) (int64, error) {
	var n int64
	err := l.waitWrite(func() error {
		m, err := bufs.WriteTo(l.raw)
		n += m
		return err
	})
	return n, err
}

// waitWrite calls write, again after each false alarm.
func (l *link) waitWrite(write func() error) error {
	s := &l.wr
	err := l.prepare(s)
	if err == nil {
		for {
			err = write()
			if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err = l.expired(s); err != nil {
				break
			}
		}
		l.release(s)
	}
	if err == nil && l.fast.Usable() {
		// The fast path needs a socket without a deadline. If that overwrites an
		// interrupt, the next write sees its flag.
		if err = l.arm(s, time.Time{}); errors.Is(err, errAborted) {
			err = nil // everything has been written
		}
	}
	return err
}
