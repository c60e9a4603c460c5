// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// packet is a message in transit. The sender owns it until it is in a queue, and then
// the receiver.
type packet struct {
	header transport.Header
	body   []byte
}

// keptBody is the size in bytes up to which the buffer of a body is reused.
const keptBody = 64 << 10

// gate is a channel that is closed once.
type gate struct {
	once sync.Once
	c    chan struct{}
}

func (g *gate) shut() { g.once.Do(func() { close(g.c) }) }

func (g *gate) isShut() bool {
	select {
	case <-g.c:
		return true
	default:
		return false
	}
}

// bound limits how long calls may block. Bind sets it.
type bound struct {
	ctx      context.Context //nolint:containedctx // Bind sets it for the calls that follow
	done     <-chan struct{}
	deadline clock.Instant // zero: none
}

// conn is one end of a connection; both ends are of this kind.
type conn struct {
	network       *Network
	local, remote string
	in, out       chan *packet
	closed        gate
	interrupted   gate
	other         *conn
	broken        atomic.Bool

	mu    sync.Mutex
	bound bound // guarded by mu

	sending, receiving alarm
	received           *packet // the message that the last Recv returned
}

var (
	_ transport.Exclusive = (*conn)(nil)
	_ transport.Peer      = (*conn)(nil)
)

// pair returns the two ends of a new connection.
func pair(n *Network, local, remote string) (here, there *conn) {
	to, from := make(chan *packet, queueLength), make(chan *packet, queueLength)
	here = newConn(n, local, remote)
	there = newConn(n, remote, local)
	here.out, here.in, here.other = to, from, there
	there.out, there.in, there.other = from, to, here
	return here, there
}

func newConn(n *Network, local, remote string) *conn {
	c := &conn{network: n, local: local, remote: remote}
	c.closed.c, c.interrupted.c = make(chan struct{}), make(chan struct{})
	return c
}

// LocalAddress implements [transport.Peer].
func (c *conn) LocalAddress() string { return c.local }

// RemoteAddress implements [transport.Peer].
func (c *conn) RemoteAddress() string { return c.remote }

// Bind implements [transport.Exclusive].
func (c *conn) Bind(ctx context.Context, deadline time.Time) {
	b := bound{ctx: ctx, done: ctx.Done()}
	if !deadline.IsZero() {
		b.deadline = c.network.clock.Instant(deadline)
	}
	c.mu.Lock()
	c.bound = b
	c.mu.Unlock()
}

// Interrupt implements [transport.Exclusive].
func (c *conn) Interrupt() { c.interrupted.shut() }

// Close implements [transport.Conn]. The other end can still receive the messages that
// were sent before.
func (c *conn) Close() error {
	c.closed.shut()
	return nil
}

// Ready implements [transport.Exclusive].
func (c *conn) Ready(time.Duration) bool {
	return !c.broken.Load() && len(c.in) == 0 &&
		!c.closed.isShut() && !c.interrupted.isShut() && !c.other.closed.isShut()
}

// Send implements [transport.Conn].
func (c *conn) Send(m *transport.Message) error {
	b, err := c.begin()
	if err != nil {
		return c.notSent(err)
	}
	if c.other.closed.isShut() {
		return c.notSent(io.ErrClosedPipe)
	}
	if len(m.Body) > MaxMessage {
		return c.notSent(fmt.Errorf("%w: body of %d bytes, the limit is %d", transport.ErrTooLarge, len(m.Body), MaxMessage))
	}
	p := c.network.packets.Get().(*packet)
	p.header = append(p.header[:0], m.Header...)
	p.body = append(p.body[:0], m.Body...)
	select {
	case c.out <- p:
		return nil
	default:
	}
	if err := c.sendSlow(p, b); err != nil {
		c.recycle(p)
		return c.notSent(err)
	}
	return nil
}

// sendSlow waits for room in the queue.
func (c *conn) sendSlow(p *packet, b bound) error {
	wake := c.sending.set(c.network.clock, b.deadline)
	defer c.sending.clear()
	for {
		select {
		case c.out <- p:
			return nil
		case <-c.other.closed.c:
			return io.ErrClosedPipe
		case <-c.closed.c:
		case <-c.interrupted.c:
		case <-b.done:
		case <-wake:
		}
		if err := c.over(b); err != nil {
			return err
		}
	}
}

// Recv implements [transport.Conn].
func (c *conn) Recv(m *transport.Message) error {
	if c.received != nil {
		c.recycle(c.received)
		c.received = nil
	}
	b, err := c.begin()
	if err != nil {
		return c.failed("receive", err)
	}
	var p *packet
	select {
	case p = <-c.in:
	default:
		if p, err = c.recvSlow(b); err != nil {
			return c.failed("receive", err)
		}
	}
	c.received = p
	m.Header, m.Body = slices.Clip(p.header), p.body
	return nil
}

// recvSlow waits for a message.
func (c *conn) recvSlow(b bound) (*packet, error) {
	wake := c.receiving.set(c.network.clock, b.deadline)
	defer c.receiving.clear()
	for {
		select {
		case p := <-c.in:
			return p, nil
		case <-c.other.closed.c:
			// Messages that were sent before the close are received first.
			select {
			case p := <-c.in:
				return p, nil
			default:
				return nil, io.EOF
			}
		case <-c.closed.c:
		case <-c.interrupted.c:
		case <-b.done:
		case <-wake:
		}
		if err := c.over(b); err != nil {
			return nil, err
		}
	}
}

// begin returns the current bound, and an error if it has passed already.
func (c *conn) begin() (bound, error) {
	c.mu.Lock()
	b := c.bound
	c.mu.Unlock()
	return b, c.over(b)
}

// over returns why a wait ends, nil if it goes on.
func (c *conn) over(b bound) error {
	switch {
	case c.interrupted.isShut():
		return transport.ErrInterrupted
	case c.closed.isShut():
		return net.ErrClosed
	case b.deadline != 0 && c.network.clock.Now() >= b.deadline:
		return os.ErrDeadlineExceeded
	case b.done != nil:
		return b.ctx.Err()
	}
	return nil
}

func (c *conn) notSent(err error) error { return transport.NotSent(c.failed("send", err)) }

// failed marks the connection as broken, and returns the error to report.
func (c *conn) failed(what string, err error) error {
	c.broken.Store(true)
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("memory transport: %s: %s: %w", c.remote, what, err)
}

func (c *conn) recycle(p *packet) {
	if cap(p.body) > keptBody {
		p.body = nil
	}
	clear(p.header) // drop the references to the strings
	c.network.packets.Put(p)
}
