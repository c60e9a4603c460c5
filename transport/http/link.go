// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
)

// slice is how long a wait with a cancellable context goes on before the
// context is asked. A slice that an earlier exchange left armed may come
// before one of our own: two of them are the two milliseconds that the
// contract of transport.Exclusive allows.
const slice = time.Millisecond

// States of a link. They only ever get added.
const (
	stateInterrupted = 1 << iota
	stateClosed
	stateBroken  // an error, or a goodbye of the peer: good for Close only
	stateGivenUp // an exchange of the client was cut off
)

// bound is what Bind sets.
type bound struct {
	ctx      context.Context //nolint:containedctx // Bind is given it for the calls that follow
	done     <-chan struct{} // ctx.Done(), nil if the context cannot end
	deadline time.Time       // zero: none
}

// link is the socket with deadlines that are set as seldom as possible: the
// deadline of the socket is left armed from exchange to exchange. When it
// fires before the bound that really holds, it is armed anew and the wait goes
// on; so a poke that comes late from an earlier exchange does no harm either.
// TLS lies on top of a link and never sees such a false alarm.
type link struct {
	raw   net.Conn
	fast  fast.IO
	state atomic.Uint32
	cut   atomic.Bool   // no write goes on, see cutWrite
	sent  atomic.Uint64 // bytes handed to the kernel, kept under TLS only

	epoch atomic.Uint32 // counts Binds
	mu    sync.Mutex
	bound bound // guarded by mu

	rd, wr side

	// Of the goroutine that reads: no exchange is on, so that Read does not
	// wait. It looks at the socket if ask says so.
	idle, ask bool
	trip      trip // a request to be written first
	// ended: what lies below TLS came to its end before TLS said so.
	ended bool
}

// side is one direction. It belongs to the goroutine that reads or writes.
type side struct {
	bound
	epoch    uint32    // the Bind that bound was taken from
	armed    time.Time // what the socket was told last, zero: nothing
	sliced   bool      // armed is a slice
	sliceOf  uint32    // the epoch that armed the slice
	stop     func() bool
	deadline func(time.Time) error // of the socket, for this direction
}

func newLink(raw net.Conn) *link {
	l := &link{raw: raw}
	l.fast.Init(raw)
	l.rd.deadline = raw.SetReadDeadline
	l.wr.deadline = raw.SetWriteDeadline
	return l
}

// bind sets the bound for the calls that follow.
func (l *link) bind(ctx context.Context, deadline time.Time) {
	l.setBound(bound{ctx, ctx.Done(), deadline})
}

// limit sets a bound without a context; the zero time is none.
func (l *link) limit(deadline time.Time) { l.setBound(bound{deadline: deadline}) }

func (l *link) setBound(b bound) {
	l.mu.Lock()
	l.bound = b
	l.epoch.Add(1)
	l.mu.Unlock()
}

func (l *link) add(state uint32) { l.state.Or(state) }

// good reports that none of the states is set that end the use of the link.
func (l *link) good() bool { return l.state.Load() == 0 }

func (l *link) interrupt() {
	l.add(stateInterrupted)
	// The flag comes first: who arms the socket looks at it afterwards.
	_ = l.raw.SetDeadline(longAgo())
}

func longAgo() time.Time { return time.Unix(1, 0) }

// take gives a side the bound that holds now.
func (l *link) take(s *side) {
	if s.epoch == l.epoch.Load() {
		return
	}
	l.mu.Lock()
	s.bound, s.epoch = l.bound, l.epoch.Load()
	l.mu.Unlock()
}

// check is asked before a message is sent. It leaves the sides alone: under
// TLS a goroutine that reads may be writing too.
func (l *link) check() error {
	if l.state.Load()&stateInterrupted != 0 {
		return transport.ErrInterrupted
	}
	l.mu.Lock()
	b := l.bound
	l.mu.Unlock()
	if !b.deadline.IsZero() {
		if late := time.Since(b.deadline); late >= 0 {
			return &deadlineError{late}
		}
	}
	if b.done != nil {
		return b.ctx.Err()
	}
	return nil
}

// prepare makes sure that the socket wakes up in time for the bound.
func (l *link) prepare(s *side) error {
	l.take(s)
	switch {
	case s.done != nil:
		if !s.sliced {
			return l.armSlice(s)
		}
	case s.bound.deadline.IsZero():
	case s.armed.IsZero() || s.bound.deadline.Before(s.armed):
		return l.arm(s, s.bound.deadline)
	}
	return nil
}

func (l *link) armSlice(s *side) error {
	at := time.Now().Add(slice)
	if !s.bound.deadline.IsZero() && s.bound.deadline.Before(at) {
		at = s.bound.deadline
	}
	err := l.arm(s, at)
	s.sliced, s.sliceOf = true, s.epoch
	return err
}

// arm tells the socket when to wake up; the zero time is never.
func (l *link) arm(s *side, at time.Time) error {
	s.armed, s.sliced = at, false
	if err := s.deadline(at); err != nil {
		return err
	}
	if l.state.Load()&stateInterrupted != 0 {
		// The poke of the interrupt may have been overwritten just now.
		return transport.ErrInterrupted
	}
	if s == &l.wr && l.cut.Load() {
		return errCut
	}
	return nil
}

// expired decides what a wake-up by the deadline means: nil to go on waiting.
func (l *link) expired(s *side) error {
	switch {
	case l.state.Load()&stateInterrupted != 0:
		return transport.ErrInterrupted
	case s == &l.wr && l.cut.Load():
		return errCut
	}
	if !s.bound.deadline.IsZero() {
		if late := time.Since(s.bound.deadline); late >= 0 {
			return &deadlineError{late}
		}
	}
	if s.done == nil {
		return l.arm(s, s.bound.deadline)
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.stop == nil && s.sliceOf != s.epoch {
		return l.armSlice(s)
	}
	if err := l.arm(s, s.bound.deadline); err != nil {
		return err
	}
	if s.stop == nil {
		s.stop = context.AfterFunc(s.ctx, func() { _ = s.deadline(longAgo()) })
		return nil
	}
	return s.ctx.Err() // its poke may have been overwritten by arm
}

// release ends the watch over the context, at the end of a wait.
func (s *side) release() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// Read reads from the socket within the bound.
func (l *link) Read(p []byte) (int, error) {
	switch {
	case l.idle:
		return l.readIdle(p)
	case l.trip.written == untouched:
		return l.roundTrip(p)
	}
	s := &l.rd
	if err := l.prepare(s); err != nil {
		return 0, err
	}
	for {
		n, err := l.read(p)
		if err == nil || n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			s.release()
			return n, err
		}
		if err := l.expired(s); err != nil {
			s.release()
			return 0, err
		}
	}
}

// readIdle reads what is there already.
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
		return l.writeSlow(p, 0)
	}
	n, err := l.fast.Write(p)
	if n == len(p) {
		return n, nil
	}
	if _, broken := err.(*os.SyscallError); broken { //nolint:errorlint // it is never wrapped
		return n, err
	}
	return l.writeSlow(p, n) // which also finds out what else is wrong
}

// writeSlow writes what is left of p after n bytes, and waits where it must.
func (l *link) writeSlow(p []byte, n int) (int, error) {
	err := l.waitWrite(func() error {
		m, err := l.raw.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

// writev writes the buffers, with one system call where the socket can do it.
func (l *link) writev(bufs *net.Buffers) (int64, error) {
	var n int64
	err := l.waitWrite(func() error {
		m, err := bufs.WriteTo(l.raw)
		n += m
		return err
	})
	return n, err
}

// waitWrite calls write until it has no false alarm to report.
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
		s.release()
	}
	if err == nil && l.fast.Usable() {
		// The fast path needs a socket without a deadline. An interrupt that
		// is overwritten here is seen by its flag before the next write.
		if err = l.arm(s, time.Time{}); errors.Is(err, errCut) {
			err = nil // too late: all is written
		}
	}
	return err
}
