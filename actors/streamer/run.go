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

// The end of a stream is a message of its own, in both directions (go-micro
// wire, sections 2 and 6).
const (
	headError   = "Micro-Error"
	endOfStream = "EOS"
)

// farewell bounds the last message of a stream that is given up.
const farewell = time.Second

// run is a stream as a run of messages on a connection that is lent to it: each
// message repeats the header of the opening, and an empty one with an error
// text of EOS is the end of its direction.
type run struct {
	conn   *messages.Conn
	header transport.Header
	clock  clock.Clock
	aside  func(work func()) // runs what may block

	mu    sync.Mutex        // held by who sends
	ended bool              // EOS was sent; guarded by mu
	out   transport.Message // what is being sent; guarded by mu

	// quiet is how long the peer may say nothing once this side has ended its
	// half: a go-micro server that has seen the end does not tell its own.
	quiet time.Duration
	timer clock.Timer // nil before the half-close; guarded by mu
	heard atomic.Int64
	since atomic.Int64 // the instant of the half-close, 0 before
	hush  atomic.Bool  // the connection was interrupted because of silence
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

// listen ends the wait for a peer that has nothing more to say.
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
			return err // it said goodbye in its own way
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

// silence is the end of a stream that the service did not tell. It matches
// io.EOF.
type silence struct{ after time.Duration }

func (s *silence) Error() string {
	return fmt.Sprintf("the service said nothing for %s after the end of input (HalfCloseWait), and on this wire it does not say when it is done", s.after)
}

func (s *silence) Is(target error) bool { return target == io.EOF }

// Header implements [transport.Stream]. The wire has none that can be trusted.
func (r *run) Header() (transport.Header, error) { return nil, nil }

// Trailer implements [transport.Stream].
func (r *run) Trailer() transport.Header { return nil }

// Close implements [transport.Stream]: it says goodbye if nobody is in the
// middle of a message.
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
