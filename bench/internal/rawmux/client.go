// SPDX-License-Identifier: Apache-2.0

package rawmux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Client makes calls over one connection.
type Client struct {
	*writer

	slots   []slot
	running atomic.Int32 // callers in [Slot.Echo]
	reading sync.WaitGroup
}

// slot is where the reply for one caller arrives. Its index is the id of the frames, so
// that no lookup is needed. Between a send and a signal on done it belongs to the
// reader.
type slot struct {
	done chan struct{} // closed when the connection has ended
	body []byte
	_    [64]byte // puts the next slot on another cache line
}

// Dial connects to a server, for the given number of callers.
func Dial(address string, callers int) (*Client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("rawmux: %w", err)
	}
	c := &Client{writer: newWriter(conn), slots: make([]slot, callers)}
	for i := range c.slots {
		c.slots[i].done = make(chan struct{}, 1)
	}
	c.reading.Go(c.read)
	return c, nil
}

// Slot returns the slot of goroutine i, from 0.
func (c *Client) Slot(i int) *Slot { return &Slot{client: c, slot: &c.slots[i], id: uint32(i)} }

// Close closes the connection. No call may be running.
func (c *Client) Close() error {
	err := c.conn.Close()
	c.reading.Wait()
	return err
}

// Slot makes the calls of one goroutine.
type Slot struct {
	client *Client
	slot   *slot
	id     uint32
}

// errGivenUp is the error of a call whose context has ended. Its slot cannot be used
// any more, because the reply may still arrive.
var errGivenUp = errors.New("rawmux: the context ended before the reply")

// Echo sends body and returns the reply, which is valid until the next call.
func (s *Slot) Echo(ctx context.Context, body []byte) ([]byte, error) {
	c := s.client
	company := c.running.Add(1) > 1
	defer c.running.Add(-1)
	if err := c.send(s.id, body, company); err != nil {
		return nil, err
	}
	var alive bool
	if ctx.Done() == nil {
		_, alive = <-s.slot.done
	} else {
		select {
		case _, alive = <-s.slot.done:
		case <-ctx.Done():
			return nil, errors.Join(errGivenUp, ctx.Err())
		}
	}
	if !alive {
		return nil, c.failure()
	}
	return s.slot.body, nil
}

// read delivers replies until the connection ends, and then its error to all waiting
// calls.
func (c *Client) read() {
	r := newReader(c.conn)
	for {
		id, body, ok, err := r.next()
		if err == nil && !ok {
			err = r.fill()
		}
		if err == nil && ok && int(id) >= len(c.slots) {
			err = fmt.Errorf("rawmux: reply for slot %d of %d", id, len(c.slots))
		}
		if err != nil {
			c.end(err)
			return
		}
		if ok {
			s := &c.slots[id]
			s.body = append(s.body[:0], body...)
			select {
			case s.done <- struct{}{}:
			default: // a second reply to one call
			}
		}
	}
}

// end ends all waiting and later calls with the error.
func (c *Client) end(err error) {
	_ = c.conn.Close() // the connection can no longer be used
	c.mu.Lock()
	c.fail(err)
	c.mu.Unlock()
	for i := range c.slots {
		close(c.slots[i].done)
	}
}
