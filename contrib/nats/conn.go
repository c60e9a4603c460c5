// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

const (
	maxWaiting      = 256      // messages that wait for Recv
	maxWaitingBytes = 16 << 20 // and their payloads together
)

// ends are the addresses of a connection.
type ends struct {
	local, remote string
	subject       string // is sent to
	reply         string // is sent along as the reply subject, "" for none
}

// conn is one end of a connection; both ends are of this kind.
type conn struct {
	ends
	link    *link
	nc      *natsio.Conn
	most    int64            // bytes of a payload
	epoch   context.Context  //nolint:containedctx // it ends when the connection to the server is lost
	in      chan *natsio.Msg // waits for Recv
	onClose func() error

	ctx    context.Context //nolint:containedctx // its cause says how the connection ended
	end    context.CancelCauseFunc
	bytes  atomic.Int64 // of what waits
	unread atomic.Int64 // messages sent since the last one was received
	used   atomic.Int64 // when the last message came or went, Unix ns
	known  atomic.Bool  // the peer can know of the connection

	numbers transport.Numbering // of the requests of a client

	mu     sync.Mutex
	bound  context.Context    //nolint:containedctx // Bind is given it for the calls that follow
	unbind context.CancelFunc // nil before the first Bind
	once   sync.Once
}

var (
	_ transport.Exclusive = (*conn)(nil)
	_ transport.Peer      = (*conn)(nil)
)

// Causes for which a connection ends.
var (
	errConnClosed = errors.New("nats transport: the connection is closed")
	errFlooded    = errors.New("nats transport: too many messages wait for Recv, and the wire cannot hold the peer back")
)

func newConn(l *link, nc *natsio.Conn, e ends) *conn {
	epoch := l.current()
	c := &conn{ends: e, link: l, nc: nc, most: nc.MaxPayload(), epoch: epoch, in: make(chan *natsio.Msg, maxWaiting)}
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(epoch))
	c.bound = context.WithoutCancel(epoch)
	c.used.Store(time.Now().UnixNano())
	l.open(c)
	return c
}

// LocalAddress implements [transport.Peer].
func (c *conn) LocalAddress() string { return c.local }

// RemoteAddress implements [transport.Peer].
func (c *conn) RemoteAddress() string { return c.remote }

// nobody reports whether m is the server's answer that a message had no receiver.
func nobody(m *natsio.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// deliver handles a received message. It does not block. An empty one, which is not
// an envelope, says that the peer has closed the connection.
func (c *conn) deliver(m *natsio.Msg) {
	if c.ctx.Err() != nil {
		return // nothing comes after the end, least of all past a gap
	}
	c.used.Store(time.Now().UnixNano())
	if len(m.Data) == 0 && !nobody(m) {
		c.end(io.EOF)
		return
	}
	if c.bytes.Add(int64(len(m.Data))) > maxWaitingBytes {
		c.end(errFlooded)
		return
	}
	select {
	case c.in <- m:
	default:
		c.end(errFlooded)
	}
}

// Send implements [transport.Conn]. The message is in the connection's buffer
// when it returns, and a goroutine of nats.go writes it at once; while the
// server does not read and the buffer is full, it waits.
func (c *conn) Send(m *transport.Message) error {
	if err := c.state(); err != nil {
		return transport.NotSent(err)
	}
	payload, err := seal(c.most, &broker.Message{Header: fields(m.Header), Body: m.Body})
	if err != nil {
		return transport.NotSent(fmt.Errorf("nats transport: %w", carried(err)))
	}
	if c.reply != "" {
		c.numbers.Asked(m.Header)
	}
	c.used.Store(time.Now().UnixNano())
	c.unread.Add(1)
	c.known.Store(true)
	err = c.write(payload)
	if err == nil || errors.Is(err, transport.ErrNotSent) {
		return err
	}
	err = fmt.Errorf("nats transport: send to %s: %w", c.remote, err)
	if errors.Is(err, errBuffered) {
		return err
	}
	return transport.NotSent(err)
}

// write publishes within the bound of the connection. For a server that does not
// read nats.go waits a minute, with its lock held; so one goroutine of the link
// waits there, and the others for that one.
func (c *conn) write(payload []byte) error {
	bound := c.limit()
	select {
	case c.link.writing <- struct{}{}:
	case <-bound.Done():
		return transport.NotSent(c.state())
	case <-c.epoch.Done():
		return transport.NotSent(c.state())
	case <-c.ctx.Done():
		return transport.NotSent(c.state())
	}
	done := make(chan error, 1)
	go func() {
		err := publish(c.nc, c.subject, c.reply, payload)
		<-c.link.writing
		done <- err
	}()
	for ended := c.ctx.Done(); ; ended = nil {
		select {
		case err := <-done:
			return err
		case <-bound.Done():
		case <-c.epoch.Done():
		case <-ended:
			if errors.Is(c.state(), io.EOF) {
				continue // the peer has ended the connection, perhaps because of this message
			}
		}
		return fmt.Errorf("%w: %w", errBuffered, c.state())
	}
}

// fields makes a map of a header; the first field of a name counts.
func fields(h transport.Header) metadata.Metadata {
	out := make(metadata.Metadata, len(h))
	for _, f := range h {
		if _, taken := out[f.Name]; !taken {
			out[f.Name] = f.Value
		}
	}
	return out
}

// state returns why the connection cannot be used, nil if it can.
func (c *conn) state() error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if c.epoch.Err() != nil {
		return context.Cause(c.epoch)
	}
	return over(c.limit())
}

// limit returns the context that Bind has set.
func (c *conn) limit() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound
}

// over returns the error of a bound that has passed.
func over(bound context.Context) error {
	switch err := bound.Err(); {
	case err == nil:
		return nil
	case errors.Is(context.Cause(bound), os.ErrDeadlineExceeded):
		return fmt.Errorf("nats transport: %w", os.ErrDeadlineExceeded)
	default:
		return fmt.Errorf("nats transport: %w", err)
	}
}

// Recv implements [transport.Conn]. A client drops a second answer to the
// request before the last one.
func (c *conn) Recv(m *transport.Message) error {
	for {
		if err := c.recv(m); err != nil || c.reply == "" || !c.numbers.Old(m.Header) {
			return err
		}
	}
}

func (c *conn) recv(m *transport.Message) error {
	got, err := c.next()
	if err != nil {
		return err
	}
	c.bytes.Add(-int64(len(got.Data)))
	sent := c.unread.Swap(0)
	if nobody(got) {
		err := fmt.Errorf("%w at %s", ErrNobodyListens, c.remote)
		c.end(err)
		if sent == 1 { // then it is that message which had no receiver
			return transport.NotSent(err)
		}
		return err
	}
	message, err := envelope.Decode(got.Data)
	if err != nil {
		err = fmt.Errorf("nats transport: from %s: %w", c.remote, carried(err))
		c.end(err)
		return err
	}
	m.Header, m.Body, m.Trailer = header(message.Header), message.Body, nil
	return nil
}

// next returns the next message, including those that arrived before the peer closed
// the connection.
func (c *conn) next() (*natsio.Msg, error) {
	err := c.state()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errFlooded) {
		return nil, err
	}
	select {
	case m := <-c.in:
		return m, nil
	default:
		if err != nil {
			return nil, err
		}
	}
	bound := c.limit()
	select {
	case m := <-c.in:
		return m, nil
	case <-bound.Done():
		return nil, over(bound)
	case <-c.epoch.Done():
		return nil, context.Cause(c.epoch)
	case <-c.ctx.Done():
	}
	select {
	case m := <-c.in:
		return m, nil
	default:
		return nil, context.Cause(c.ctx)
	}
}

// header has the fields in the order of their names.
func header(from metadata.Metadata) transport.Header {
	to := make(transport.Header, 0, len(from))
	for name, value := range from {
		to.Add(name, value)
	}
	slices.SortFunc(to, func(a, b transport.Field) int { return cmp.Compare(a.Name, b.Name) })
	return to
}

// Bind implements [transport.Exclusive].
func (c *conn) Bind(ctx context.Context, deadline time.Time) {
	unbind := context.CancelFunc(nil)
	if !deadline.IsZero() {
		ctx, unbind = context.WithDeadlineCause(ctx, deadline, os.ErrDeadlineExceeded)
	}
	c.mu.Lock()
	last := c.unbind
	c.bound, c.unbind = ctx, unbind
	c.mu.Unlock()
	if last != nil {
		last()
	}
}

// Interrupt implements [transport.Exclusive].
func (c *conn) Interrupt() { c.end(transport.ErrInterrupted) }

// Ready implements [transport.Exclusive].
func (c *conn) Ready(time.Duration) bool {
	return c.ctx.Err() == nil && c.epoch.Err() == nil && len(c.in) == 0
}

// Close implements [transport.Conn]. If the peer can know of the connection, it is
// sent an empty message. go-micro's protocol has no such message; its socket fails
// on it, which closes it too. Otherwise it would stay open for ever.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		c.link.shut(c)
		if cause := context.Cause(c.ctx); c.known.Load() && !errors.Is(cause, io.EOF) && !errors.Is(cause, natsio.ErrPermissionViolation) {
			_ = publish(c.nc, c.subject, c.reply, nil) // the peer may never learn of it
		}
		c.end(fmt.Errorf("%w: %w", errConnClosed, io.ErrClosedPipe))
		c.mu.Lock()
		unbind := c.unbind
		c.mu.Unlock()
		if unbind != nil {
			unbind()
		}
		err = c.onClose()
	})
	return err
}
