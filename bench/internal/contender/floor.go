// SPDX-License-Identifier: Apache-2.0

package contender

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/bench/internal/wire"
)

// floor is the lower bound for a call with this protocol on Go's network poller: each
// caller has a connection, writes a prebuilt head and the body in one write, and reads
// the answer itself. It has no pool, no changing id and no error recovery, and does not
// notice a cancelled context.
type floor struct {
	address string
	callers []*floorCaller
}

func newFloor(c Config) (Contender, error) {
	return &floor{address: c.Address}, nil
}

// Caller implements [Contender]. It dials.
func (f *floor) Caller(int) (Caller, error) {
	conn, err := net.DialTimeout("tcp", f.address, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	c := &floorCaller{conn: conn, address: f.address}
	f.callers = append(f.callers, c)
	return c, nil
}

// Close implements [Contender].
func (f *floor) Close() error {
	for _, c := range f.callers {
		_ = c.conn.Close() // no call is running, so nothing can be lost
	}
	return nil
}

type floorCaller struct {
	conn    net.Conn
	address string
	bounded bool   // whether the connection has a deadline set
	out     []byte // head and body; only the body changes from call to call
	head    int    // length of the head in out
	body    int    // the body length that the head states
	in      []byte
}

// Call implements [Caller].
func (c *floorCaller) Call(ctx context.Context, req, rsp proto.Message) error {
	if deadline, ok := ctx.Deadline(); ok || c.bounded {
		if err := c.conn.SetDeadline(deadline); err != nil {
			return err
		}
		c.bounded = ok
	}
	if err := c.encode(req); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	reply, err := c.read()
	if err != nil {
		return err
	}
	return decode(reply.Error, reply.ContentType, reply.Body, rsp)
}

// encode puts the body after the head, and rebuilds the head only if the length of the
// body has changed.
func (c *floorCaller) encode(req proto.Message) error {
	opts := proto.MarshalOptions{}
	if size := opts.Size(req); size != c.body || c.head == 0 {
		c.out = wire.AppendHead(c.out[:0], c.address, 0, size)
		c.head, c.body = len(c.out), size
		c.in = make([]byte, 256+size)
	}
	var err error
	c.out, err = opts.MarshalAppend(c.out[:c.head], req)
	return err
}

func (c *floorCaller) read() (wire.Reply, error) {
	n := 0
	for {
		if n == len(c.in) {
			c.in = append(c.in, make([]byte, len(c.in))...)
		}
		more, err := c.conn.Read(c.in[n:])
		n += more
		if err != nil {
			return wire.Reply{}, err
		}
		reply, used, err := wire.ParseReply(c.in[:n])
		if err != nil {
			return reply, err
		}
		if used > 0 {
			if used != n {
				return reply, fmt.Errorf("%w: %d bytes after its end", errReply, n-used)
			}
			return reply, nil
		}
	}
}
