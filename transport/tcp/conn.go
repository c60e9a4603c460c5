// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// conn is the client's end of a connection with mailcall's own protocol.
type conn struct {
	line
	core  *session.Client
	clock clock.Clock
	batch batch // used only by the reader
	watch watch // used only by the reader
	take  func(p []byte) (used, need int, err error)
	solo  solo
	leadership
	// probed is when the peer was last pinged because an exchange was cancelled. unanswered
	// is the same as long as nothing has been received since, else 0. Both are guarded
	// by the line's lock.
	probed, unanswered clock.Instant
}

// unansweredFor is how long such a ping may remain unanswered before new exchanges use
// another connection. It is also the shortest time between two such pings.
const unansweredFor = time.Second

var (
	_ transport.Async    = (*conn)(nil)
	_ transport.Shared   = (*conn)(nil)
	_ transport.Streamer = (*conn)(nil)
	_ transport.Peer     = (*conn)(nil)
)

// largeBatch is from how many bytes of replies on the reader lets their receivers run
// before it reads more: they find the replies in the processor's cache.
const largeBatch = 16 << 10

// delivery is a result that is delivered when the lock has been released.
type delivery struct {
	to    transport.Receiver
	token uint64
	m     *transport.Message
	loan  transport.Loan
	err   error
}

// batch collects the results of feeding a session.
type batch struct {
	in         *intake // nil if nothing was read
	deliveries []delivery
	items      int   // messages of streams
	item       *flow // the stream of the last of them
}

// owned is a loan whose return has no effect: the memory belongs to the receiver.
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

// deliver delivers the collected results. It is called without the lock.
func (b *batch) deliver() {
	for i := range b.deliveries {
		d := &b.deliveries[i]
		d.to.Deliver(d.token, d.m, d.loan, d.err)
		*d = delivery{}
	}
	b.deliveries = b.deliveries[:0]
}

// start starts the goroutine that reads.
func (c *conn) start(s *session.Client) {
	c.core, c.link = s, &s.Link
	c.batch.in, c.watch.line, c.take = &c.in, &c.line, c.fed
	c.resume = make(chan struct{}, 1)
	c.tick = c.clock.Timer(c.checkLeader)
	go c.serve()
}

// serve reads until the connection ends, except while it rests, see [leadership].
func (c *conn) serve() {
	err := c.watch.arm()
	for err == nil {
		if err = c.turn(); err == nil && c.lone >= loneStreak {
			err = c.pauseListener()
		}
	}
	c.lose(err, 0)
	c.tick.Stop()
	c.in.drop()
}

// fed handles received bytes.
func (c *conn) fed(p []byte) (used, need int, err error) {
	now := c.clock.Now()
	c.mu.Lock()
	c.unanswered = 0
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
	large := len(c.batch.deliveries) > 1 && len(p) >= largeBatch
	c.batch.deliver()
	c.wakeReceivers()
	if speak {
		c.mu.Lock()
		c.unlockAndFlush()
	}
	if large {
		runtime.Gosched()
	}
	return used, need, err
}

// running implements side.
func (c *conn) running() int { return c.core.Running() }

// taken implements side.
func (*conn) taken() {}

// interval implements side.
func (*conn) interval() {}

// failAndUnlock implements side.
func (c *conn) failAndUnlock(err error, written uint64) {
	c.resumeListener()
	b := batch{}
	c.core.Fail(lost(c.address, err, c.link.Parting()), written, &b)
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

// refuse returns why no exchange can begin, nil if one can.
func (c *conn) refuse() error {
	switch {
	case c.err != nil:
		return transport.NotSent(lost(c.address, c.err, c.link.Parting()))
	case c.core.Leaving() && c.core.Begun() == 0:
		// Not ErrFull: if the server treats every connection in this way, dialling
		// others would never end.
		return transport.NotSent(fmt.Errorf("tcp transport: %s: %w", c.address, errLeaving))
	case c.core.Leaving():
		return full(fmt.Errorf("tcp transport: %s: %w", c.address, errLeaving))
	case c.gone.Load():
		return full(fmt.Errorf("tcp transport: %s: %w", c.address, errReplaced))
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
		c.unlockAndWriteApart(m.Body)
		return id, lead, nil
	}
	c.unlockAndFlush()
	return id, lead, nil
}

// unsendable returns the error for a message that the protocol cannot carry.
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
		c.probe()
	}
	c.unlockAndFlush()
}

// probe is called when an exchange was cancelled, perhaps because the peer cannot be
// reached any more. It is called with the lock held.
func (c *conn) probe() {
	switch now := max(c.clock.Now(), 1); {
	case c.err != nil:
	case c.unanswered != 0:
		if now.Sub(c.unanswered) >= unansweredFor {
			c.gone.Store(true) // running exchanges may continue
		}
	case c.probed == 0 || now.Sub(c.probed) >= unansweredFor:
		c.probed, c.unanswered = now, now
		c.link.Ping()
	}
}

// Close implements [transport.Conn]. With TLS it sends close_notify if that does not
// block.
func (c *conn) Close() error {
	c.lose(errClosed, 0)
	return nil
}
