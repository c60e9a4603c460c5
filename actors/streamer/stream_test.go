// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// late is a connStream whose stream ends, and is hung up, when a Send has begun.
type late struct {
	*connStream
	hangUp func()
}

func (l *late) Send(m *transport.Message) error {
	l.hangUp()
	return l.connStream.Send(m)
}

// What a Send says before which the stream has ended is how it ended, and not
// what a wire says that was hung up.
func TestSendRacesTheEnd(t *testing.T) {
	for _, c := range []struct {
		name      string
		end, want error
	}{
		{"the good end", io.EOF, io.EOF},
		{"a cancel", fmt.Errorf("the caller gave up: %w", context.Canceled), context.Canceled},
		{"a deadline", context.DeadlineExceeded, context.DeadlineExceeded},
		{"a broken wire", errBroken, errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire := &connStream{conn: new(messages.Conn), clock: clock.Real()}
			s := &Stream{
				desk: NewDesk(Config{Clock: clock.Real()}), ctx: t.Context(),
				opened: messages.Opened{Node: new(messages.Node)},
			}
			s.wire = &late{connStream: wire, hangUp: func() {
				s.end.Store(&c.end)
				if err := wire.Close(); err != nil {
					t.Error(err)
				}
			}}
			err := s.Send(new(transport.Message))
			if !errors.Is(err, c.want) || errors.Is(err, rpcerr.ErrInvalidArgument) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// written is a connection that counts the messages that it gets, and fails with err.
type written struct {
	transport.Exclusive
	messages int
	err      error
}

func (w *written) Bind(context.Context, time.Time) {}

func (w *written) Send(*transport.Message) error {
	w.messages++
	return w.err
}

// A stream says goodbye when it is closed, but not behind a part of a message: the
// peer would take it for the rest of that one.
func TestGoodbyeFollowsWholeMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		goodbye int
	}{
		{"sent", nil, 1},
		{"not sent", transport.NotSent(errBroken), 1},
		{"too large", transport.ErrTooLarge, 1},
		{"cut off", errBroken, 0},
		{"cut off by the caller", context.Canceled, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire := &written{err: c.err}
			r := &connStream{conn: &messages.Conn{Conn: wire, Exclusive: wire}, clock: clock.Real()}
			if err := r.Send(new(transport.Message)); !errors.Is(err, c.err) {
				t.Errorf("got %v from Send, want %v", err, c.err)
			}
			wire.err = nil
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if got := wire.messages - 1; got != c.goodbye {
				t.Errorf("got %d messages after that, want %d", got, c.goodbye)
			}
		})
	}
}

// hungUp is a connection that its peer closes without a word.
type hungUp struct{ written }

func (*hungUp) Recv(*transport.Message) error { return io.EOF }

// That the service closes the connection is the end of a stream only after this side has
// ended its own direction: a go-micro server does not say that it is done.
func TestServiceThatHangsUp(t *testing.T) {
	for _, c := range []struct {
		name       string
		halfClosed bool
		want       error
	}{
		{"in the middle", false, io.ErrUnexpectedEOF},
		{"after the half-close", true, io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire := new(hungUp)
			r := &connStream{conn: &messages.Conn{Conn: wire, Exclusive: wire}, clock: clock.Real(), halfCloseWait: time.Hour}
			if c.halfClosed {
				if err := r.CloseSend(); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Recv(new(transport.Message)); !errors.Is(err, c.want) || good(err) != c.halfClosed {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// armed is a clock whose one timer says whether it is set.
type armed struct {
	clock.Clock
	set bool
}

func (a *armed) Now() clock.Instant { return 1 }

func (a *armed) Timer(func()) clock.Timer { return a }

func (a *armed) Reset(clock.Instant) { a.set = true }

func (a *armed) Stop() { a.set = false }

// A stream that is closed does not wait any more for the last message of the
// service, and leaves no timer behind.
func TestClosedStreamWaitsForNothing(t *testing.T) {
	wire, c := new(written), new(armed)
	r := &connStream{conn: &messages.Conn{Conn: wire, Exclusive: wire}, clock: c, halfCloseWait: time.Second}
	if err := r.CloseSend(); err != nil || !c.set {
		t.Fatalf("got %v and a timer that is set: %t, want nil and true", err, c.set)
	}
	if err := r.Close(); err != nil || c.set {
		t.Errorf("got %v and a timer that is set: %t, want nil and false", err, c.set)
	}
}
