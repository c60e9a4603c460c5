// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/transport/internal/endpoint"
	"example.com/mailcall/transport/internal/fast"
	"example.com/mailcall/transport/tcp/internal/session"
)

const (
	// keptSeal is how large a buffer for what was sealed may be to be used
	// again.
	keptSeal = 1 << 20
	// writeRounds is how often one caller writes for others before somebody
	// else has to.
	writeRounds = 16
)

// line is a connection with its session, at either end: it reads, and whoever
// has something to say and finds nobody writing writes, for all.
type line struct {
	raw     net.Conn
	tls     *tls.Conn // nil: cleartext
	under   *under    // nil: cleartext
	fast    fast.IO
	address string
	config  *config
	over    chan struct{} // closed when the line has failed
	gone    atomic.Bool   // it failed, or the peer takes nothing new
	in      intake        // only the reader touches it

	mu      sync.Mutex // guards all below, and the session
	link    *session.Link
	writing bool
	seal    []byte // spare of what is below TLS; only who writes touches it
	err     error  // why it failed
	starved []*flow
	onTake  func()                       // something is being written; nil for none
	idle    chan struct{}                // closed when all is written or no handler runs; nil if nobody waits
	running func() int                   // of the session
	rung    func()                       // once in the time of a ping; nil for none
	await   func(f *flow)                // waits for what there is to receive; nil: for the signal
	stir    func()                       // has who reads look up; nil for none
	failed  func(err error, sent uint64) // ends the exchanges; called with the lock held, may let go of it
}

func (l *line) init(raw net.Conn, c *config, s *shelf) {
	l.raw, l.config, l.in.shelf = raw, c, s
	l.over = make(chan struct{})
	if secure, ok := raw.(*tls.Conn); ok {
		l.tls = secure
		l.under, _ = secure.NetConn().(*under)
		l.under.collect()
		l.raw = l.under.Conn
	}
	l.fast.Init(l.raw)
	l.address = endpoint.Text(l.raw.RemoteAddr())
}

// LocalAddress implements [transport.Peer].
func (l *line) LocalAddress() string { return endpoint.Text(l.raw.LocalAddr()) }

// RemoteAddress implements [transport.Peer].
func (l *line) RemoteAddress() string { return l.address }

// wrote is called with the lock held by who has perhaps queued something. It
// lets go of the lock, and sees to it that somebody writes.
func (l *line) wrote() {
	if l.writing || l.link.Queued() == 0 || l.err != nil {
		l.mu.Unlock()
		return
	}
	l.writing = true
	if l.running() > 1 {
		l.mu.Unlock()
		l.flush(true)
		return
	}
	l.mu.Unlock()
	l.flush(false)
}

// soon is wrote for who is about to queue more: somebody else writes, as soon as
// a processor is free, and one system call carries many messages.
func (l *line) soon() {
	if l.writing || l.link.Queued() == 0 || l.err != nil {
		l.mu.Unlock()
		return
	}
	l.writing = true
	l.mu.Unlock()
	go l.flush(true)
}

// flush writes until nothing is queued. If others are about to queue something
// it lets them do so first: one system call then carries it all.
func (l *line) flush(yield bool) {
	for round := 0; ; {
		if yield {
			runtime.Gosched()
			round++
		}
		l.mu.Lock()
		buf, more := l.take()
		if buf == nil {
			l.rest()
		}
		l.mu.Unlock()
		if buf == nil {
			return
		}
		for buf != nil {
			n, rest, err := l.push(buf)
			if err != nil {
				l.lose(err, len(buf)-n)
				return
			}
			if len(rest) > 0 || round == writeRounds {
				go l.drain(rest, buf)
				return
			}
			l.mu.Lock()
			l.link.Give(buf)
			if buf = nil; more {
				buf, more = l.take()
			}
			if buf == nil && (l.link.Queued() == 0 || l.err != nil) {
				l.rest()
				l.mu.Unlock()
				return
			}
			yield = l.running() > 1
			l.mu.Unlock()
		}
	}
}

// take returns what is to be written, or nil; more says that it is not all.
func (l *line) take() (buf []byte, more bool) {
	if l.err != nil || l.link.Queued() == 0 {
		return nil, false
	}
	buf, more = l.link.Take()
	l.feedStarved()
	if l.onTake != nil {
		l.onTake()
	}
	return buf, more
}

// rest ends the writing.
func (l *line) rest() {
	l.writing = false
	if l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// feedStarved wakes the streams that wait for room.
func (l *line) feedStarved() {
	for i, f := range l.starved {
		signal(f.writable)
		l.starved[i] = nil
	}
	l.starved = l.starved[:0]
}

// push writes as much as goes without waiting. n is how much of buf certainly
// may have left; rest is what is still to be written to the socket.
func (l *line) push(buf []byte) (n int, rest []byte, err error) {
	if l.tls != nil {
		if _, err = l.tls.Write(buf); err != nil {
			return len(buf), nil, err
		}
		sealed := l.under.take(l.seal)
		l.seal = nil
		if l.fast.Usable() {
			n, err = l.fast.Write(sealed)
		}
		if rest = sealed[n:]; len(rest) == 0 && cap(sealed) <= keptSeal {
			l.seal = sealed
		}
		return len(buf), rest, err
	}
	if l.fast.Usable() {
		n, err = l.fast.Write(buf)
	}
	return n, buf[n:], err
}

// drain goes on where flush would have to wait.
func (l *line) drain(rest, buf []byte) {
	for {
		if err := l.insist(rest); err != nil {
			l.lose(err, 0)
			return
		}
		l.mu.Lock()
		if l.link.Give(buf); l.err != nil || l.link.Queued() == 0 {
			l.rest()
			l.mu.Unlock()
			return
		}
		buf, _ = l.take()
		l.mu.Unlock()
		var err error
		if _, rest, err = l.push(buf); err != nil {
			l.lose(err, 0)
			return
		}
	}
}

// insist writes p, waiting for as long as the peer reads anything at all.
func (l *line) insist(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	for len(p) > 0 {
		if err := l.raw.SetWriteDeadline(time.Now().Add(l.config.writeTimeout)); err != nil {
			return err
		}
		n, err := l.raw.Write(p)
		p = p[n:]
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && n == 0 {
			return fmt.Errorf("%w: nothing in %s", errStuck, l.config.writeTimeout)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return l.raw.SetWriteDeadline(time.Time{})
}

// lose ends the line. unsent is how many of the bytes taken last certainly
// did not leave.
func (l *line) lose(err error, unsent int) {
	l.mu.Lock()
	l.fail(err, unsent)
}

// fail is lose for who holds the lock; it lets go of it.
func (l *line) fail(err error, unsent int) {
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	l.gone.Store(true)
	l.feedStarved()
	close(l.over)
	l.goodbye(err)
	l.failed(err, l.link.Position()-uint64(unsent))
}

// goodbye tells the peer what it did wrong, if the socket takes it at once,
// and closes the socket.
func (l *line) goodbye(err error) {
	var broken *session.BrokenError
	if errors.As(err, &broken) && !l.writing && l.fast.Usable() {
		l.link.Accuse(broken)
		buf, _ := l.link.Take()
		_, _, _ = l.push(buf) // it is over in any case
	}
	if l.tls != nil && !l.writing && l.fast.Usable() {
		_ = l.tls.CloseWrite()
		_, _ = l.fast.Write(l.under.take(nil))
	}
	_ = l.raw.Close() // nothing is left to be told
}

// read waits for bytes.
func (l *line) read(p []byte) (int, error) {
	switch {
	case l.tls != nil:
		return l.tls.Read(p)
	case l.fast.Usable():
		return l.fast.Read(p)
	}
	return l.raw.Read(p)
}

// listen reads until the line ends, and returns why. take is given what has
// come and returns what was used of it.
func (l *line) listen(take func(p []byte) (used, need int, err error)) error {
	w := watch{line: l}
	err := w.arm()
	for err == nil {
		if err = l.once(&w, take); errors.Is(err, os.ErrDeadlineExceeded) {
			err = w.rang()
		}
	}
	return err
}

// once reads once, and has what has come taken.
func (l *line) once(w *watch, take func(p []byte) (used, need int, err error)) error {
	n, err := l.read(l.in.room())
	if n > 0 {
		w.heard()
		in := &l.in
		in.end += n
		used, need, bad := take(in.c.buf[in.pos:in.end])
		in.fed(used, need)
		if bad != nil {
			return bad
		}
	}
	return err
}

// watch asks a silent peer for a sign of life while something waits for it.
type watch struct {
	line   *line
	quiet  bool // nothing has come since the deadline was set
	pinged bool
}

func (w *watch) arm() error {
	w.quiet = true
	var at time.Time
	if d := w.line.config.ping; d > 0 {
		at = time.Now().Add(d)
	}
	return w.line.raw.SetReadDeadline(at)
}

func (w *watch) heard() { w.quiet, w.pinged = false, false }

// rang is called when the deadline has passed.
func (w *watch) rang() error {
	l := w.line
	if w.quiet && w.pinged {
		return errSilent
	}
	l.mu.Lock()
	if l.rung != nil {
		l.rung()
	}
	switch {
	case !w.quiet || l.err != nil:
	case l.running() > 0:
		w.pinged = true
		l.link.Ping()
	default:
		l.in.nap()
		l.link.Nap()
	}
	l.wrote()
	return w.arm()
}
