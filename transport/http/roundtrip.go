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

// lookAlways is the idle time of a connection that must be looked at.
const lookAlways = time.Nanosecond

// errUnasked ends a round trip that finds something to read before it has
// written anything.
var errUnasked = errors.New("the peer sent something that nobody asked for")

// RoundTrip implements [transport.RoundTripper]. The look at the socket, the write
// and the wait for the answer are one visit to the poller where the request is
// short and the socket is a plain one.
func (c *conn) RoundTrip(request, reply *transport.Message, p transport.Progress) error {
	if err := c.link.check(); err != nil {
		return transport.NotSent(c.failed("send", err))
	}
	if !c.Ready(0) {
		return c.stale()
	}
	o := c.t.outgoing.Get().(*outgoing)
	rest, err := c.request(o, request)
	if err != nil {
		o.free()
		return transport.NotSent(c.failed("send", err))
	}
	if c.tls != nil || len(rest) > 0 || !c.link.fast.Usable() {
		return c.takeSteps(o, rest, reply, p)
	}
	c.link.trip = trip{out: o, progress: p, written: untouched}
	head, err := c.head()
	written, whole := c.link.trip.end()
	switch {
	case whole:
		return c.receive(head, err, reply)
	case errors.Is(err, errUnasked):
		return c.stale()
	case written == 0:
		return transport.NotSent(c.failed("send", c.refused(err)))
	default:
		return c.failed("send", c.refused(err))
	}
}

// takeSteps is a round trip whose parts are done one by one.
func (c *conn) takeSteps(o *outgoing, rest []byte, reply *transport.Message, p transport.Progress) error {
	if !c.Ready(lookAlways) {
		o.free()
		return c.stale()
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

// stale is the error of a connection that did not outlive its rest.
func (c *conn) stale() error {
	c.link.add(stateBroken)
	return transport.NotSent(fmt.Errorf("http transport: %s: the peer has closed the idle connection or spoken out of turn: %w", c.host, transport.ErrStale))
}

// untouched is a number of bytes that no request has of which some are written.
const untouched = -1

// trip is a request that the next Read writes before it reads.
type trip struct {
	out      *outgoing // nil: there is none, or it is written
	progress transport.Progress
	written  int // bytes; untouched: Read has not taken it up
}

// Sent implements [transport.Progress]. A connection that waits holds nothing of
// its request.
func (p *trip) Sent() {
	p.out.free()
	p.out = nil
	p.progress.Sent()
}

// end ends the trip, and returns how much of the request was written and whether
// that was all.
func (p *trip) end() (written int, whole bool) {
	written, whole = max(p.written, 0), p.out == nil
	if !whole {
		p.out.free()
	}
	*p = trip{}
	return written, whole
}

// roundTrip is the Read that begins with a write.
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
	s.release()
	l.trip.written = turn.Written
	switch {
	case turn.Seen != fast.Nothing:
		return 0, errUnasked
	case err != nil || l.trip.out == nil:
		return turn.Got, err
	}
	// The kernel's buffer is full.
	l.trip.written, err = l.writeSlow(l.trip.out.b, turn.Written)
	if err != nil {
		return 0, err
	}
	l.trip.Sent()
	return l.Read(p)
}
