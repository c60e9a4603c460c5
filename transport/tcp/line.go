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
	// keptSeal is the size in bytes up to which a buffer for encrypted bytes is reused.
	keptSeal = 1 << 20
	// writeRounds is how many times one caller writes what others have queued before a
	// goroutine takes over.
	writeRounds = 16
	// A writer that lets others run is overtaken when as many messages as make a batch
	// were sent or received meanwhile: 1/batchShare of the exchanges that run, and
	// leastBatch at least. While the peer handles the batch, the other callers follow;
	// with one batch for all, each side would wait for the other. If there are fewer
	// than two batches, another system call is not worth it, and if more than
	// manyRunning exchanges run, both sides are busy anyway.
	leastBatch  = 3
	batchShare  = 4
	manyRunning = 48
	// crowdFades is the share by which the number of exchanges that run at most falls
	// with each write, one at least.
	crowdFades = 64
)

// line is a connection with its session, at the client or the server. Whoever queues
// something while no goroutine writes becomes the writer, also for what others queue.
type line struct {
	side    side
	raw     net.Conn
	tls     *tls.Conn // nil: cleartext
	under   *under    // nil: cleartext
	fast    fast.IO
	address string
	config  *config
	over    chan struct{} // closed when the line has failed
	gone    atomic.Bool   // it has failed, or the peer accepts no new exchanges
	in      intake        // used only by the reader
	arrived []*flow       // got a message that their receivers do not know of; used only by the reader

	mu       sync.Mutex // guards all below, and the session
	link     *session.Link
	writing  bool          // a goroutine writes, or will after it has let others run
	yielding bool          // it lets others run; whoever resets this writes instead
	visits   int           // calls of unlockAndFlush since the last take: a message was sent or received
	crowd    int           // how many exchanges run at most: a maximum that fades with each take
	seal     []byte        // a spare buffer for encrypted bytes; used only by the writer
	err      error         // why the line has failed
	starved  []*flow       // streams that wait for room in the queue, or for credit
	idle     chan struct{} // closed when all is written or no handler runs; nil if nothing waits for it
}

// side is what differs between the client's and the server's end of a line. All methods
// except await are called with the line's lock held.
type side interface {
	running() int                            // how many exchanges run, or handlers
	taken()                                  // something that was queued is being written
	interval()                               // called once per ping interval
	wake()                                   // wakes the goroutine that reads, if it waits for what it will not get
	failAndUnlock(err error, written uint64) // fails the exchanges, and releases the lock
	await(f *flow)                           // waits until f may have a message
}

func (l *line) init(raw net.Conn, s side, c *config, free *shelf) {
	l.raw, l.side, l.config, l.in.shelf = raw, s, c, free
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

// unlockAndFlush is called with the lock held after something may have been queued. It
// releases the lock, and writes unless another goroutine does.
func (l *line) unlockAndFlush() {
	l.visits++
	overtake := l.yielding && l.overdue()
	if l.writing && !overtake || l.link.Queued() == 0 || l.err != nil {
		l.mu.Unlock()
		return
	}
	l.writing, l.yielding = true, !overtake && l.side.running() > 1
	yield := l.yielding
	l.mu.Unlock()
	l.flush(yield)
}

// overdue reports whether a batch is complete, so that it is written before others run.
// It is called with the lock held.
func (l *line) overdue() bool {
	return l.crowd >= 2*leastBatch && l.crowd <= manyRunning && l.visits >= max(leastBatch, l.crowd/batchShare)
}

// unlockAndFlushSoon is unlockAndFlush for a caller that is about to queue more: another
// goroutine writes when a processor is free, so that one system call writes many
// messages.
func (l *line) unlockAndFlushSoon() {
	if l.writing || l.link.Queued() == 0 || l.err != nil {
		l.mu.Unlock()
		return
	}
	l.writing, l.yielding = true, true
	l.mu.Unlock()
	go l.flush(true)
}

// flush writes until nothing is queued. With yield, which is also what l.yielding was set
// to, it first lets other goroutines run, which may be about to queue something: then one
// system call writes all of it. If one of them overtakes, flush returns.
func (l *line) flush(yield bool) {
	for round := 0; ; {
		if yield {
			runtime.Gosched()
			round++
		}
		l.mu.Lock()
		if yield && !l.yielding {
			l.mu.Unlock()
			return
		}
		l.yielding = false
		buf, more := l.take()
		if buf == nil {
			l.endWriting()
		}
		l.mu.Unlock()
		if buf == nil {
			return
		}
		for buf != nil {
			n, rest, err := l.tryWrite(buf)
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
				l.endWriting()
				l.mu.Unlock()
				return
			}
			yield = l.side.running() > 1
			l.yielding = yield && buf == nil
			l.mu.Unlock()
		}
	}
}

// take returns the next buffer to write, or nil, and whether there are more. It is
// called with the lock held.
func (l *line) take() (buf []byte, more bool) {
	if l.err != nil || l.link.Queued() == 0 {
		return nil, false
	}
	buf, more = l.link.Take()
	l.visits, l.crowd = 0, max(l.side.running(), l.crowd-(l.crowd+crowdFades-1)/crowdFades)
	l.feedStarved()
	l.side.taken()
	return buf, more
}

// endWriting is called with the lock held when all is written.
func (l *line) endWriting() {
	l.writing = false
	if l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// wakeReceivers wakes the receivers of the streams that got a message. It is called
// without the lock.
func (l *line) wakeReceivers() {
	for i, f := range l.arrived {
		signal(f.readable)
		l.arrived[i] = nil
	}
	l.arrived = l.arrived[:0]
}

// feedStarved wakes the streams that wait to send. It is called with the lock held.
func (l *line) feedStarved() {
	for i, f := range l.starved {
		signal(f.writable)
		l.starved[i] = nil
	}
	l.starved = l.starved[:0]
}

// tryWrite writes as much of buf as possible without blocking. n is how much of buf may have
// been sent; rest is what remains to be written to the socket.
func (l *line) tryWrite(buf []byte) (n int, rest []byte, err error) {
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

// drain continues a flush that would block. rest is what remains of buf.
func (l *line) drain(rest, buf []byte) {
	for {
		if err := l.writeAll(rest); err != nil {
			l.lose(err, 0)
			return
		}
		l.mu.Lock()
		if l.link.Give(buf); l.err != nil || l.link.Queued() == 0 {
			l.endWriting()
			l.mu.Unlock()
			return
		}
		buf, _ = l.take()
		l.mu.Unlock()
		var err error
		if _, rest, err = l.tryWrite(buf); err != nil {
			l.lose(err, 0)
			return
		}
	}
}

// writeAll writes all of p. It fails if the peer reads nothing within the write timeout.
func (l *line) writeAll(p []byte) error {
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

// lose fails the line. unsent is how many of the bytes taken last were certainly not
// sent.
func (l *line) lose(err error, unsent int) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	l.gone.Store(true)
	l.feedStarved()
	close(l.over)
	l.closeSocket(err)
	l.side.failAndUnlock(err, l.link.Position()-uint64(unsent))
}

// closeSocket closes the socket. Before that it sends, if that does not block, what protocol
// error the peer has made, and close_notify.
func (l *line) closeSocket(err error) {
	var broken *session.BrokenError
	if errors.As(err, &broken) && !l.writing && l.fast.Usable() {
		l.link.Accuse(broken)
		buf, _ := l.link.Take()
		_, _, _ = l.tryWrite(buf) // best effort: the connection ends in any case
	}
	if l.tls != nil && !l.writing && l.fast.Usable() {
		_ = l.tls.CloseWrite()
		_, _ = l.fast.Write(l.under.take(nil))
	}
	_ = l.raw.Close() // the first error says more
}
