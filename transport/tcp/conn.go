// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// conn is the client's end of a connection on mailcall's own wire.
type conn struct {
	line
	core  *session.Client
	clock clock.Clock
	batch batch // of the reader
	watch watch // of the reader
	take  func(p []byte) (used, need int, err error)
	solo  solo
	leadership
	// asked is when the peer was pinged because an exchange was given up, mute
	// the same while nothing has come since, else 0. Both are guarded by the
	// line's lock.
	asked, mute clock.Instant
}

// muteFor is how long the answer to such a ping may take before what begins
// goes elsewhere. Another ping does not come sooner.
const muteFor = time.Second

var (
	_ transport.Async    = (*conn)(nil)
	_ transport.Shared   = (*conn)(nil)
	_ transport.Streamer = (*conn)(nil)
	_ transport.Peer     = (*conn)(nil)
)

// delivery is what a receiver gets once the lock is free.
type delivery struct {
	to    transport.Receiver
	token uint64
	m     *transport.Message
	loan  transport.Loan
	err   error
}

// batch collects what a session says while it is fed.
type batch struct {
	in         *intake // nil: nothing was read
	deliveries []delivery
	items      int   // messages of streams
	item       *flow // whose the last of them was
}

// owned is the loan of memory that nobody wants back.
type owned struct{}

// Return implements [transport.Loan].
func (owned) Return() {}

// Reply implements session.ClientSink.
func (b *batch) Reply(r transport.Receiver, token uint64, header transport.Header, body []byte, own bool) {
	d := delivery{to: r, token: token}
	if own {
		d.m, d.loan = &transport.Message{}, owned{}
	} else {
		d.m, d.loan = b.in.message(), b.in.lend()
	}
	d.m.Header, d.m.Body = header, body
	b.deliveries = append(b.deliveries, d)
}

// Failed implements session.ClientSink.
func (b *batch) Failed(r transport.Receiver, token uint64, err error) {
	b.deliveries = append(b.deliveries, delivery{to: r, token: token, err: err})
}

// Item implements session.StreamSink.
func (b *batch) Item(st *session.Stream, it session.Item) {
	b.item = flowOf(st)
	b.items++
	b.item.item(it, b.in)
}

// Ended implements session.StreamSink.
func (b *batch) Ended(st *session.Stream, trailer transport.Header) { flowOf(st).finish(trailer) }

// Broke implements session.StreamSink.
func (b *batch) Broke(st *session.Stream, err error) { flowOf(st).breakOff(err) }

// Credited implements session.StreamSink.
func (b *batch) Credited(st *session.Stream) {
	if st != nil {
		signal(flowOf(st).writable)
	}
}

// deliver hands over what was collected. It is called without the lock.
func (b *batch) deliver() {
	for i := range b.deliveries {
		d := &b.deliveries[i]
		d.to.Deliver(d.token, d.m, d.loan, d.err)
		*d = delivery{}
	}
	b.deliveries = b.deliveries[:0]
}

// start begins to read.
func (c *conn) start(s *session.Client) {
	c.core, c.link = s, &s.Link
	c.batch.in, c.watch.line, c.take = &c.in, &c.line, c.fed
	c.resume = make(chan struct{}, 1)
	c.tick = c.clock.Timer(c.look)
	c.running = s.Running
	c.failed = c.fall
	c.await, c.stir = c.awaitOn, c.nudge
	go c.serve()
}

// serve listens, unless somebody leads.
func (c *conn) serve() {
	err := c.watch.arm()
	for err == nil {
		if err = c.turn(); err == nil && c.lone >= loneStreak {
			err = c.rest()
		}
	}
	c.lose(err, 0)
	c.tick.Stop()
	c.in.drop()
}

// fed deals with what has come.
func (c *conn) fed(p []byte) (used, need int, err error) {
	now := c.clock.Now()
	c.mu.Lock()
	c.mute = 0
	credit := c.core.Credit()
	used, need, err = c.core.Feed(p, int64(now), &c.batch)
	if c.core.Credit() != credit {
		c.feedStarved()
	}
	if c.core.Leaving() {
		c.gone.Store(true)
	}
	speak := c.link.Queued() > 0 && !c.writing
	c.count(now)
	c.mu.Unlock()
	c.batch.deliver()
	if speak {
		c.mu.Lock()
		c.wrote()
	}
	return used, need, err
}

// fall ends all exchanges with the line.
func (c *conn) fall(err error, sent uint64) {
	c.recall()
	b := batch{}
	c.core.Fail(lost(c.address, err), sent, &b)
	c.mu.Unlock()
	b.deliver()
}

// Ready implements [transport.Shared].
func (c *conn) Ready(time.Duration) bool { return !c.gone.Load() }

// Load implements [transport.Shared].
func (c *conn) Load() (running int, begun uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.core.Running(), c.core.Begun()
}

// refuse says why no exchange can begin, nil if one can.
func (c *conn) refuse() error {
	switch {
	case c.err != nil:
		return transport.NotSent(lost(c.address, c.err))
	case c.core.Leaving():
		return full(fmt.Errorf("tcp transport: %s: %w", c.address, errLeaving))
	case c.gone.Load():
		return full(fmt.Errorf("tcp transport: %s: %w", c.address, errMute))
	case c.core.Full() && c.core.Running() == 0:
		// Not one for which another connection would be better.
		return transport.NotSent(fmt.Errorf("tcp transport: %s: %w", c.address, errNone))
	case c.core.Full():
		return full(fmt.Errorf("tcp transport: %s: %d exchanges run on the connection: %w", c.address, c.core.Running(), errTooMany))
	case c.link.Queued() > c.config.queue:
		return full(fmt.Errorf("tcp transport: %s: %d bytes wait to be written, the limit is %d (WithMaxQueue): %w", c.address, c.link.Queued(), c.config.queue, ErrQueue))
	}
	return nil
}

// Begin implements [transport.Async].
func (c *conn) Begin(m *transport.Message, r transport.Receiver, token uint64) (uint64, error) {
	id, _, err := c.begin(m, r, token, false)
	return id, err
}

func (c *conn) begin(m *transport.Message, r transport.Receiver, token uint64, wants bool) (id, lead uint64, err error) {
	c.mu.Lock()
	if c.stale() || c.gone.Load() || c.core.Full() || c.link.Queued() > c.config.queue {
		err = c.refuse()
		if err != nil {
			c.mu.Unlock()
			return 0, 0, err
		}
	}
	apart := c.apart(len(m.Body))
	id, err = c.core.Begin(m, r, token)
	if err != nil {
		c.mu.Unlock()
		return 0, 0, c.unsendable(err)
	}
	lead = c.appoint(wants)
	if apart {
		c.pushApart(m.Body)
		return id, lead, nil
	}
	c.wrote()
	return id, lead, nil
}

// unsendable is the error of a message that the wire cannot carry.
func (c *conn) unsendable(err error) error {
	if !errors.Is(err, transport.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", transport.ErrInvalid, err)
	}
	return transport.NotSent(fmt.Errorf("tcp transport: %s: %w", c.address, err))
}

// Cancel implements [transport.Async].
func (c *conn) Cancel(id uint64) {
	c.mu.Lock()
	if c.core.Cancel(id, session.CodeCancelled) {
		c.missed()
	}
	c.wrote()
}

// missed is told that an exchange was given up, which may be because the way to
// the peer is lost. It is called with the lock held.
func (c *conn) missed() {
	switch now := max(c.clock.Now(), 1); {
	case c.err != nil:
	case c.mute != 0:
		if now.Sub(c.mute) >= muteFor {
			c.gone.Store(true) // what runs may go on
		}
	case c.asked == 0 || now.Sub(c.asked) >= muteFor:
		c.asked, c.mute = now, now
		c.link.Ping()
	}
}

// Close implements [transport.Conn]. It says goodbye to a TLS peer, but does
// not wait for it.
func (c *conn) Close() error {
	c.lose(errClosed, 0)
	return nil
}
