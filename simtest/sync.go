// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

var (
	errClosed  = errors.New("simulated: use of a closed connection")
	errStopped = errors.New("simulated: the run is over")
)

// plainConn is a connection with only the required methods.
type plainConn struct{ *conn }

// exclusiveConn can be bounded and interrupted.
type exclusiveConn struct {
	*conn
	interrupted bool
}

var (
	_ transport.Conn      = (*plainConn)(nil)
	_ transport.Exclusive = (*exclusiveConn)(nil)
)

// bounds are the bounds of a wait on a connection.
type bounds struct {
	ctx         context.Context //nolint:containedctx // it is the contract's
	deadline    clock.Instant   // 0: none
	interrupted *bool
}

// halt returns why the wait ends, nil if it goes on.
func (b *bounds) halt(now clock.Instant) error {
	switch {
	case b.interrupted != nil && *b.interrupted:
		return transport.ErrInterrupted
	case b.ctx != nil && b.ctx.Err() != nil:
		return fmt.Errorf("simulated: %w", b.ctx.Err())
	case b.deadline != 0 && now >= b.deadline:
		return fmt.Errorf("simulated: %w", os.ErrDeadlineExceeded)
	}
	return nil
}

// Bind implements transport.Exclusive.
func (c *exclusiveConn) Bind(ctx context.Context, deadline time.Time) {
	b := bounds{ctx: ctx, interrupted: &c.interrupted}
	if !deadline.IsZero() {
		b.deadline = c.server.world.sim.clock.Instant(deadline)
	}
	c.bounds = b
}

// Interrupt implements transport.Exclusive.
func (c *exclusiveConn) Interrupt() {
	c.interrupted = true
	for _, x := range slices.Clone(c.running) {
		x.cancel()
	}
}

// Ready implements transport.Exclusive.
func (c *exclusiveConn) Ready(time.Duration) bool { return c.open && !c.dead }

// landing receives the reply that Recv waits for.
type landing struct {
	conn  *conn
	body  []byte
	err   error
	there bool
}

// Deliver implements transport.Receiver. Only the first reply counts: the next
// exchange has another landing.
func (l *landing) Deliver(_ uint64, m *transport.Message, _ transport.Loan, err error) {
	if l.there {
		return
	}
	l.there, l.err = true, err
	if m != nil {
		l.body = slices.Clone(m.Body)
	}
}

// Send implements transport.Conn: a request, or a message of a stream.
func (c *conn) Send(m *transport.Message) error {
	s := c.server.world.sim
	if err := c.bounds.halt(s.clock.now); err != nil {
		return err
	}
	if id := m.Header.Get(headStream); id != "" {
		return c.sendStream(id, m)
	}
	if len(c.channels) > 0 {
		s.violatef(ConnectionsConserved, "a request was sent on connection %d to %s, which is lent to stream %d", c.number, c.server.address, c.channels[0].stream.id)
		return errReset
	}
	l := &landing{conn: c}
	if _, err := c.begin(m, l, 0); err != nil {
		return err
	}
	c.landed = l
	return nil
}

// Recv implements transport.Conn.
func (c *conn) Recv(m *transport.Message) error {
	if len(c.channels) > 0 {
		return c.recvStream(m)
	}
	s, l, b := c.server.world.sim, c.landed, c.bounds
	if l == nil {
		return errClosed
	}
	for !l.there {
		if err := b.halt(s.clock.now); err != nil {
			for _, x := range slices.Clone(c.running) {
				x.cancel()
			}
			return err
		}
		if !c.open {
			return errClosed
		}
		if !s.parkUntil(b.deadline, func() bool { return l.there || !c.open || b.halt(s.clock.now) != nil }) {
			return errStopped
		}
	}
	c.landed = nil
	if l.err != nil {
		return l.err
	}
	*m = transport.Message{Body: l.body}
	return nil
}

// sendStream sends a message of the stream that uses the connection. The first one
// opens it.
func (c *conn) sendStream(id string, m *transport.Message) error {
	s := c.server.world.sim
	n, _ := strconv.Atoi(id)
	if len(c.channels) == 0 {
		return c.openLent(s.streams[n])
	}
	ch := c.channels[0]
	if ch.stream.id != n {
		s.violatef(ConnectionsConserved, "stream %d sent a message on connection %d to %s, which is lent to stream %d", n, c.number, c.server.address, ch.stream.id)
		return errReset
	}
	f := frame{kind: frameData, body: slices.Clone(m.Body)}
	if m.Header.Get(headError) == endOfStream {
		f = frame{kind: frameEnd}
	}
	return ch.send(f, c.bounds)
}

// openLent sends the opening request of a stream, which owns the connection from
// then on.
func (c *conn) openLent(st *stream) error {
	s := c.server.world.sim
	if c.begun > 0 {
		s.violatef(ConnectionsConserved, "stream %d was opened on connection %d to %s, which others have used", st.id, c.number, c.server.address)
	}
	if !c.open {
		return transport.NotSent(errClosed)
	}
	ch, err := c.openStream(st)
	if err == nil {
		err = ch.linger(c.bounds)
	}
	return err
}

// recvStream receives a message of the stream, in go-micro's form.
func (c *conn) recvStream(m *transport.Message) error {
	f, err := c.channels[0].recv(c.bounds)
	if err != nil {
		return err
	}
	*m = transport.Message{}
	switch f.kind {
	case frameEnd:
		m.Header.Add(headError, endOfStream)
	case frameFailure:
		m.Header.Add(headError, errApplication.Error())
	case frameHangup:
		return io.EOF
	default:
		m.Body = f.body
	}
	return nil
}
