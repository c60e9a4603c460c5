// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"io"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// The header of streams on wires without streams of their own: which stream a
// message belongs to, and the end of a direction.
const (
	headStream  = "Sim-Stream"
	headError   = "Micro-Error"
	endOfStream = "EOS"
)

// frameKind is the kind of a frame.
type frameKind uint8

const (
	frameData    frameKind = iota
	frameEnd               // of a direction
	frameFailure           // the server ends the stream with an error
	frameHangup            // the server closes the connection
	frameReset             // the client gives the stream up
)

// frame is something on the wire of a stream.
type frame struct {
	kind frameKind
	body []byte
}

// channel is the client's end of what carries one stream: a stream of a shared
// connection, or a connection of its own.
type channel struct {
	conn   *conn
	stream *stream
	peer   *peer
	inbox  []frame
	unread int   // messages that the server has not read
	ended  bool  // this half
	over   error // how the server ended it, once that was read
	lost   error // the connection broke
	closed bool  // the client gave it up, or let go of it

	there, back lane
}

// lane keeps frames in order.
type lane struct{ last clock.Instant }

// after calls f after d, but not before the functions that were given earlier.
func (l *lane) after(s *sim, d time.Duration, f func()) {
	l.last = max(l.last, s.clock.now.Add(d))
	s.clock.after(l.last.Sub(s.clock.now), f)
}

// openStream sends the opening request.
func (c *conn) openStream(st *stream) (*channel, error) {
	s := c.server.world.sim
	s.noteStream("open", st, c.server.address, "conn", strconv.Itoa(c.number))
	s.checkOpening(c, st)
	if err := c.refusal(); err != nil {
		return nil, err
	}
	c.begun++
	st.openings++
	ch := &channel{conn: c, stream: st}
	ch.peer = newPeer(ch)
	st.channel = ch
	c.channels = append(c.channels, ch)
	c.server.inUse++
	ch.forward(frame{kind: frameData}) // its contents do not matter
	return ch, nil
}

// broke handles the loss of the connection.
func (ch *channel) broke(err error) {
	if ch.lost == nil {
		ch.lost = err
	}
}

// native reports whether the connection has streams.
func (ch *channel) native() bool { return ch.conn.shared() }

// halt returns why a wait on the channel ends, nil if it goes on.
func (ch *channel) halt(b bounds) error {
	if ch.closed {
		return errClosed
	}
	if err := b.halt(ch.conn.server.world.sim.clock.now); err != nil {
		return err
	}
	return ch.lost
}

// linger lets the write of an opening request take a while, sometimes.
func (ch *channel) linger(b bounds) error {
	s := ch.conn.server.world.sim
	if !s.world.rolls(0.1) {
		return nil
	}
	until := s.clock.now.Add(time.Duration(s.dice.N(20)) * time.Millisecond)
	end := until
	if b.deadline != 0 {
		end = min(end, b.deadline)
	}
	if !s.parkUntil(end, func() bool { return s.clock.now >= end || ch.halt(b) != nil }) {
		return errStopped
	}
	if s.clock.now < until {
		return ch.halt(b)
	}
	return nil // it has been written, whatever has happened meanwhile
}

// forward sends a frame on its way to the server.
func (ch *channel) forward(f frame) {
	v := ch.conn.server
	s := v.world.sim
	there, _ := v.distance()
	if f.kind != frameReset && v.world.rolls(v.behaviour.CutRequest/4) {
		ch.there.after(s, there, func() { ch.conn.broke(errReset) })
		return
	}
	ch.there.after(s, there, func() {
		if !v.crashed && !ch.conn.dead {
			ch.peer.receive(f)
		}
	})
}

// send sends a frame once the server allows it.
func (ch *channel) send(f frame, b bounds) error {
	s := ch.conn.server.world.sim
	s.checkSend(ch, f)
	counts := f.kind == frameData || !ch.native() // a lent connection sends an end as it sends all
	full := func() bool { return counts && ch.unread >= streamWindow && !ch.finished() }
	for {
		if err := ch.halt(b); err != nil {
			return err
		}
		if !full() {
			break
		}
		s.report.Stats.Stalls++
		if !s.parkUntil(b.deadline, func() bool { return !full() || ch.halt(b) != nil }) {
			return errStopped
		}
	}
	switch {
	case ch.native() && ch.finished():
		return io.EOF
	case f.kind == frameEnd:
		ch.ended = true
	default:
		ch.unread++
	}
	s.noteStream("message", ch.stream)
	ch.forward(f)
	return nil
}

// finished reports whether the server has ended the stream and the client can know.
func (ch *channel) finished() bool {
	return ch.over != nil || ch.native() && slices.ContainsFunc(ch.inbox, func(f frame) bool { return f.kind != frameData })
}

// recv returns the next frame.
func (ch *channel) recv(b bounds) (frame, error) {
	s := ch.conn.server.world.sim
	s.checkRecv(ch)
	for len(ch.inbox) == 0 {
		if err := ch.halt(b); err != nil {
			return frame{}, err
		}
		if !s.parkUntil(b.deadline, func() bool { return len(ch.inbox) > 0 || ch.halt(b) != nil }) {
			return frame{}, errStopped
		}
	}
	if err := b.halt(s.clock.now); err != nil {
		return frame{}, err
	}
	if ch.closed {
		return frame{}, errClosed
	}
	f := ch.inbox[0]
	ch.inbox = ch.inbox[1:]
	if f.kind == frameData {
		there, _ := ch.conn.server.distance()
		s.clock.after(there, ch.peer.refill)
	}
	return f, nil
}

// arrive handles a frame from the server.
func (ch *channel) arrive(f frame) {
	switch {
	case ch.closed, ch.conn.dead:
		return
	case ch.native() && ch.finished():
		ch.conn.server.world.sim.report.Stats.AfterEnd++
		return // the transport knows that the stream is over
	}
	ch.inbox = append(ch.inbox, f)
}

// close releases the channel, and tells the server if it does not know.
func (ch *channel) close() {
	if ch.closed {
		return
	}
	if !ch.finished() || !ch.ended {
		ch.forward(frame{kind: frameReset})
	}
	ch.closed = true
	ch.conn.channels = slices.DeleteFunc(ch.conn.channels, func(x *channel) bool { return x == ch })
	ch.conn.server.inUse--
}

var _ transport.Stream = (*wire)(nil)
