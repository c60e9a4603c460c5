// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// In go-micro's protocol a message of its own ends each direction of a stream.
const (
	headError   = "Micro-Error"
	endOfStream = "EOS"
)

// farewell bounds the sending of the last message when a stream is closed.
const farewell = time.Second

// run is a stream on a transport without streams: a sequence of messages on a
// connection of its own. Each message repeats the header of the opening request;
// an empty one with the error text EOS ends its direction.
type run struct {
	conn   *messages.Conn
	header transport.Header
	clock  clock.Clock
	aside  func(work func()) // runs work that may block

	mu    sync.Mutex        // held while sending
	ended bool              // EOS was sent; guarded by mu
	out   transport.Message // what is being sent; guarded by mu

	// quiet is how long to wait for a message after CloseSend: a go-micro server
	// that has seen the end of this direction never sends that of its own.
	quiet time.Duration
	timer clock.Timer // nil before the half-close; guarded by mu
	heard atomic.Int64
	since atomic.Int64 // the instant of the half-close, 0 before
	hush  atomic.Bool  // Recv was ended because quiet had passed
}

var _ transport.Stream = (*run)(nil)

// Send implements [transport.Stream].
func (r *run) Send(m *transport.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errHalfClosed
	}
	r.out.Header = append(append(r.out.Header[:0], r.header...), m.Header...)
	r.out.Body = m.Body
	err := r.conn.Send(&r.out)
	r.out.Body = nil
	return err
}

// CloseSend implements [transport.Stream].
func (r *run) CloseSend() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	r.ended = true
	if !planted.HalfCloseDropped {
		if err := r.conn.Send(r.eos()); err != nil {
			return err
		}
	}
	now := r.clock.Now()
	r.since.Store(int64(now))
	r.heard.Store(int64(now))
	r.timer = r.clock.Timer(r.listen)
	r.timer.Reset(now.Add(r.quiet))
	return nil
}

func (r *run) eos() *transport.Message {
	return &transport.Message{Header: append(r.header.Clone(), transport.Field{Name: headError, Value: endOfStream})}
}

// listen runs when the timer fires: it ends the wait for a peer that has sent
// nothing for so long.
func (r *run) listen() {
	due := clock.Instant(r.heard.Load()).Add(r.quiet)
	if r.clock.Now() < due {
		r.timer.Reset(due)
		return
	}
	r.hush.Store(true)
	if r.conn.Exclusive != nil {
		r.conn.Interrupt()
		return
	}
	r.aside(func() { _ = r.conn.Close() }) // a close may block, and a timer must not
}

// Recv implements [transport.Stream].
func (r *run) Recv(m *transport.Message) error {
	if err := r.conn.Recv(m); err != nil {
		if r.hush.Load() {
			return &silence{r.quiet}
		}
		if r.since.Load() != 0 && good(err) {
			return err // the peer has ended the stream by closing the connection
		}
		if good(err) {
			return fmt.Errorf("the service closed the connection in the middle of the stream: %w", io.ErrUnexpectedEOF)
		}
		return err
	}
	r.heard.Store(int64(r.clock.Now()))
	if m.Header.Get(headError) == endOfStream {
		return io.EOF
	}
	return nil
}

// silence is the error of a stream that is taken to have ended because the
// service sent nothing for a while. It matches io.EOF.
type silence struct{ after time.Duration }

func (s *silence) Error() string {
	return fmt.Sprintf("the service said nothing for %s after the end of input (HalfCloseWait), and on this wire it does not say when it is done", s.after)
}

func (s *silence) Is(target error) bool { return target == io.EOF }

// Header implements [transport.Stream]. It returns none: on a connection that is
// kept, a go-micro server repeats the fields of the first request.
func (r *run) Header() (transport.Header, error) { return nil, nil }

// Trailer implements [transport.Stream].
func (r *run) Trailer() transport.Header { return nil }

// Close implements [transport.Stream]: it sends EOS unless a message is being
// sent.
func (r *run) Close() error {
	if !r.mu.TryLock() {
		return nil
	}
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.ended {
		return nil
	}
	r.ended = true
	if r.conn.Exclusive == nil {
		return nil
	}
	//nolint:forbidigo // the stream's own context is over, mostly
	r.conn.Exclusive.Bind(context.Background(), r.clock.Time(r.clock.Now().Add(farewell)))
	return r.conn.Send(r.eos())
}
