// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"errors"
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

// connStream is a stream on a transport without streams: a sequence of messages on a
// connection of its own. Each message repeats the header of the opening request;
// an empty one with the error text EOS ends its direction.
type connStream struct {
	conn   *messages.Conn
	header transport.Header
	clock  clock.Clock
	aside  func(work func()) // runs work that may block

	mu    sync.Mutex        // held while sending
	ended bool              // EOS was sent; guarded by mu
	torn  bool              // a message may have been written in part; guarded by mu
	out   transport.Message // what is being sent; guarded by mu

	// halfCloseWait is how long to wait for a message after CloseSend: a go-micro
	// server that has seen the end of this direction never sends that of its own.
	halfCloseWait time.Duration
	timer         clock.Timer  // nil before the half-close; guarded by mu
	halfClosed    atomic.Int64 // the instant of CloseSend, 0 before
	heard         atomic.Int64 // the instant of the last message, or of CloseSend
	gaveUp        atomic.Bool  // Recv was ended because halfCloseWait had passed
}

var _ transport.Stream = (*connStream)(nil)

// Send implements [transport.Stream].
func (s *connStream) Send(m *transport.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errHalfClosed
	}
	s.out.Header = append(append(s.out.Header[:0], s.header...), m.Header...)
	s.out.Body = m.Body
	err := s.conn.Send(&s.out)
	s.out.Body = nil
	s.torn = s.torn || err != nil && !errors.Is(err, transport.ErrNotSent) && !unfit(err)
	return err
}

// CloseSend implements [transport.Stream].
func (s *connStream) CloseSend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	if !planted.HalfCloseDropped {
		if err := s.conn.Send(s.eos()); err != nil {
			return err
		}
	}
	now := s.clock.Now()
	s.halfClosed.Store(int64(now))
	s.heard.Store(int64(now))
	s.timer = s.clock.Timer(s.checkHeard)
	s.timer.Reset(now.Add(s.halfCloseWait))
	return nil
}

func (s *connStream) eos() *transport.Message {
	return &transport.Message{Header: append(s.header.Clone(), transport.Field{Name: headError, Value: endOfStream})}
}

// checkHeard runs when the timer fires: it ends the wait for a peer that has sent
// nothing for so long.
func (s *connStream) checkHeard() {
	due := clock.Instant(s.heard.Load()).Add(s.halfCloseWait)
	if s.clock.Now() < due {
		s.timer.Reset(due)
		return
	}
	s.gaveUp.Store(true)
	if s.conn.Exclusive != nil {
		s.conn.Interrupt()
		return
	}
	s.aside(func() { _ = s.conn.Close() }) // a close may block, and a timer must not
}

// Recv implements [transport.Stream].
func (s *connStream) Recv(m *transport.Message) error {
	if err := s.conn.Recv(m); err != nil {
		if s.gaveUp.Load() {
			return &silenceError{s.halfCloseWait}
		}
		if s.halfClosed.Load() != 0 && good(err) {
			return err // the peer has ended the stream by closing the connection
		}
		if good(err) {
			return fmt.Errorf("the service closed the connection in the middle of the stream: %w", io.ErrUnexpectedEOF)
		}
		return err
	}
	s.heard.Store(int64(s.clock.Now()))
	if m.Header.Get(headError) == endOfStream {
		return io.EOF
	}
	return nil
}

// silenceError is the error of a stream that is taken to have ended because the
// service sent nothing for a while. It matches io.EOF.
type silenceError struct{ after time.Duration }

func (e *silenceError) Error() string {
	return fmt.Sprintf("the service said nothing for %s after the end of input (HalfCloseWait), and on this wire it does not say when it is done", e.after)
}

func (e *silenceError) Is(target error) bool { return target == io.EOF }

// Header implements [transport.Stream]. It returns none: on a connection that is
// kept, a go-micro server repeats the fields of the first request.
func (s *connStream) Header() (transport.Header, error) { return nil, nil }

// Trailer implements [transport.Stream].
func (s *connStream) Trailer() transport.Header { return nil }

// Close implements [transport.Stream]: it sends EOS unless a message is being
// sent, or was not sent to its end: the peer would take EOS for the rest of it.
func (s *connStream) Close() error {
	if !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.ended || s.torn {
		return nil
	}
	s.ended = true
	if s.conn.Exclusive == nil {
		return nil
	}
	//nolint:forbidigo // the stream's own context is over, mostly
	s.conn.Exclusive.Bind(context.Background(), s.clock.Time(s.clock.Now().Add(farewell)))
	return s.conn.Send(s.eos())
}
