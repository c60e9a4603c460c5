// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	natsio "github.com/nats-io/nats.go"

	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

// noResponders reports whether m is the server's notice that a message had no receivers.
func noResponders(m *natsio.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// deliver queues a received message. It does not block. An empty message, which is not
// an envelope, means that the peer has closed the connection.
func (c *conn) deliver(m *natsio.Msg) {
	if c.ctx.Err() != nil {
		return // ignored after the end, in particular after messages were lost
	}
	c.used.Store(time.Now().UnixNano())
	if len(m.Data) == 0 && !noResponders(m) {
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

// Recv implements [transport.Conn]. On the client's end it drops second answers to
// earlier requests.
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
	if noResponders(got) {
		err := fmt.Errorf("%w at %s", ErrNobodyListens, c.remote)
		c.end(err)
		if sent == 1 { // the notice can only be about this message
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

// next returns the next message. Messages that arrived before the end are still
// returned.
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

// header converts a map to a header sorted by name.
func header(from metadata.Metadata) transport.Header {
	to := make(transport.Header, 0, len(from))
	for name, value := range from {
		to.Add(name, value)
	}
	slices.SortFunc(to, func(a, b transport.Field) int { return cmp.Compare(a.Name, b.Name) })
	return to
}
