// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
)

// States of a link. They are flags that are set and never cleared.
const (
	stateInterrupted = 1 << iota
	stateClosed
	stateBroken  // after an error, or if the peer closes: only Close may be called
	stateGivenUp // an exchange of the client was not completed
)

// bound limits how long calls may block. Bind sets it.
type bound struct {
	ctx      context.Context //nolint:containedctx // Bind sets it for the calls that follow
	done     <-chan struct{} // ctx.Done(), nil if the context cannot end
	deadline time.Time       // zero: none
}

// link is a socket whose deadlines are set as seldom as possible: the deadline of the
// socket stays armed from one exchange to the next. If it fires before the current
// bound, it is armed again and the wait goes on; so a late wake-up for an earlier
// exchange does no harm either. TLS is layered on top of a link and does not see
// these false alarms.
type link struct {
	raw     net.Conn
	fast    fast.IO
	state   atomic.Uint32
	aborted atomic.Bool   // writes fail instead of blocking, see abortWrite
	sent    atomic.Uint64 // bytes passed to the kernel; counted only with TLS

	epoch atomic.Uint32 // counts Binds
	mu    sync.Mutex
	bound bound // guarded by mu

	rd, wr  side
	watcher *watcher

	// Used only by the goroutine that reads.

	idle  bool // no exchange is in progress: Read does not block
	ask   bool // an idle Read asks the kernel
	trip  trip // a request that the next Read writes first
	ended bool // the stream below TLS has ended, perhaps without close_notify
}

// side is one direction. Only the goroutine that reads or writes uses it.
type side struct {
	bound
	epoch    uint32                // the epoch that bound was taken from
	watched  bool                  // the watcher was told of a wait
	own      bool                  // the connection is of the user's own type, see WithDialer
	seat     int                   // in the watcher's list, guarded by its lock
	armed    time.Time             // the deadline of the socket, zero: none
	stop     func() bool           // ends the context.AfterFunc of a wait, nil: there is none
	deadline func(time.Time) error // sets the deadline of the socket in this direction
}

func newLink(raw net.Conn, w *watcher) *link {
	l := &link{raw: raw, watcher: w}
	l.fast.Init(raw)
	l.rd.deadline, l.rd.own = raw.SetReadDeadline, own(raw)
	l.wr.deadline, l.wr.own = raw.SetWriteDeadline, l.rd.own
	return l
}

// own reports whether a connection is of a type of the user's own.
func own(raw net.Conn) bool {
	switch raw.(type) {
	case *net.TCPConn, *net.UnixConn:
		return false
	default:
		return true
	}
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

// good reports whether none of the states is set, so that the link can be used.
func (l *link) good() bool { return l.state.Load() == 0 }

func (l *link) interrupt() {
	l.add(stateInterrupted)
	// The flag is set first, because arm checks it after setting a deadline.
	_ = l.raw.SetDeadline(longAgo())
}

func longAgo() time.Time { return time.Unix(1, 0) }

// take copies the current bound to a side.
func (l *link) take(s *side) {
	if s.epoch == l.epoch.Load() {
		return
	}
	l.mu.Lock()
	s.bound, s.epoch = l.bound, l.epoch.Load()
	l.mu.Unlock()
}

// check returns why no message can be sent now, nil if one can. It does not use the
// sides, because with TLS the goroutine that reads may be writing too.
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

// prepare begins a wait: it sets the deadline of the socket if it must be earlier, and
// has the context watched. [link.release] must follow.
func (l *link) prepare(s *side) error {
	l.take(s)
	if at := s.bound.deadline; !at.IsZero() && (s.armed.IsZero() || at.Before(s.armed)) {
		if err := l.arm(s, at); err != nil {
			return err
		}
	}
	if s.done != nil {
		s.watched = true
		l.watcher.add(s)
	}
	return nil
}

// arm sets the deadline of the socket; the zero time is none.
func (l *link) arm(s *side, at time.Time) error {
	s.armed = at
	if err := s.deadline(at); err != nil {
		return err
	}
	if l.state.Load()&stateInterrupted != 0 {
		// The deadline that interrupt has set may have been overwritten just now.
		return transport.ErrInterrupted
	}
	if s == &l.wr && l.aborted.Load() {
		return errAborted
	}
	return nil
}

// expired is called when the deadline of the socket has passed. It returns nil if the
// wait goes on, else why it ends.
func (l *link) expired(s *side) error {
	switch {
	case l.state.Load()&stateInterrupted != 0:
		return transport.ErrInterrupted
	case s == &l.wr && l.aborted.Load():
		return errAborted
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
	if err := l.arm(s, s.bound.deadline); err != nil {
		return err
	}
	switch {
	case s.watched && l.watcher.has(s):
		return nil // the deadline was that of an earlier exchange
	case s.stop == nil:
		s.stop = context.AfterFunc(s.ctx, s.poke)
		return nil
	}
	return s.ctx.Err() // arm may have overwritten the deadline that poke has set
}

// release ends a wait.
func (l *link) release(s *side) {
	if s.watched {
		s.watched = false
		l.watcher.remove(s)
	}
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// poke wakes whoever waits. It does no harm if nobody does. Any goroutine may call it; a
// panic of the user's own connection is not that goroutine's concern.
func (s *side) poke() {
	defer func() { _ = recover() }()
	_ = s.deadline(longAgo())
}
