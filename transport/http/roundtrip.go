// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
)

// peekAlways is an idle time with which Ready asks the kernel.
const peekAlways = time.Nanosecond

// unsolicitedError ends a round trip that finds something to read, or the end of the
// stream, before it has written anything.
type unsolicitedError struct {
	start string // of what there was to read; "" for the end
}

func (e *unsolicitedError) Error() string {
	if e.start == "" {
		return "the server has closed the connection before the request"
	}
	return fmt.Sprintf("the server has sent something before the request: %q", e.start)
}

// errNotReady is for what Ready has found out, which does not say what it was.
var errNotReady = errors.New("the server has closed the connection, or has sent something before the request")

// RoundTrip implements [transport.RoundTripper]. If the request is short and the
// socket is used without TLS, the check of the socket, the write and the wait for the
// answer are one call of the network poller.
func (c *conn) RoundTrip(request, reply *transport.Message, p transport.Progress) error {
	if err := c.link.check(); err != nil {
		return transport.NotSent(c.failed("send", err))
	}
	if !c.Ready(0) {
		return c.stale(errNotReady)
	}
	o := c.t.outgoing.Get().(*outgoing)
	rest, err := c.request(o, request)
	if err != nil {
		o.free()
		return c.unsendable(err)
	}
	if c.tls != nil || len(rest) > 0 || !c.link.fast.Usable() {
		return c.oneByOne(o, rest, reply, p)
	}
	c.link.trip = trip{out: o, progress: p, written: notStarted}
	head, err := c.head()
	written, whole := c.link.trip.end()
	if whole {
		return c.receive(head, err, reply)
	}
	if _, is := errors.AsType[*unsolicitedError](err); is {
		return c.stale(err)
	}
	if err = c.failed("send", c.refused(err)); written == 0 {
		return transport.NotSent(err)
	}
	return err
}

// oneByOne is a round trip that checks, writes and reads one after the other.
func (c *conn) oneByOne(o *outgoing, rest []byte, reply *transport.Message, p transport.Progress) error {
	if !c.Ready(peekAlways) {
		o.free()
		return c.stale(errNotReady)
	}
	if len(rest) > 0 {
		return c.writeLong(o, rest, reply, p)
	}
	if err := c.writeOut(o, nil); err != nil {
		return err
	}
	p.Sent()
	return c.Recv(reply)
}

// stale marks the connection as broken, and returns the error for one that cannot be
// used for a request.
func (c *conn) stale(cause error) error {
	c.link.add(stateBroken)
	return transport.NotSent(fmt.Errorf("http transport: %s: %w: %w", c.host, transport.ErrStale, cause))
}

// notStarted is the value of trip.written before Read has begun to write.
const notStarted = -1

// trip is a request that the next Read writes before it reads.
type trip struct {
	out      *outgoing // nil: there is no request, or it has been written
	progress transport.Progress
	written  int // in bytes, or notStarted
}

// Sent implements [transport.Progress]. It frees the memory of the request, which is
// not needed during the wait for the answer.
func (p *trip) Sent() {
	p.out.free()
	p.out = nil
	p.progress.Sent()
}

// end removes the trip, and returns how many bytes of the request were written and
// whether that was the whole request.
func (p *trip) end() (written int, whole bool) {
	written, whole = max(p.written, 0), p.out == nil
	if !whole {
		p.out.free()
	}
	*p = trip{}
	return written, whole
}

// roundTrip is Read if a request is to be written first.
func (l *link) roundTrip(p []byte) (int, error) {
	s := &l.rd
	l.trip.written = 0
	if err := l.prepare(s); err != nil {
		return 0, err
	}
	turn, err := l.fast.RoundTrip(l.trip.out.b, p, &l.trip)
	for errors.Is(err, os.ErrDeadlineExceeded) {
		if err = l.expired(s); err != nil {
			break
		}
		if turn.Written == 0 {
			turn, err = l.fast.RoundTrip(l.trip.out.b, p, &l.trip)
		} else {
			turn.Got, err = l.read(p)
		}
	}
	l.release(s)
	l.trip.written = turn.Written
	switch {
	case turn.Seen != fast.Nothing:
		const shown = 32
		return 0, &unsolicitedError{string(p[:min(turn.Got, shown)])}
	case err != nil || l.trip.out == nil:
		return turn.Got, err
	}
	// The send buffer of the socket is full.
	l.trip.written, err = l.writeBlocking(l.trip.out.b, turn.Written)
	if err != nil {
		return 0, err
	}
	l.trip.Sent()
	return l.Read(p)
}
