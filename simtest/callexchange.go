// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"encoding/binary"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// Encode implements caller.Exchange.
func (*call) Encode() (brief bool, err error) { return false, nil }

// Fill implements caller.Exchange.
func (c *call) Fill(_ context.Context, m *transport.Message, n *messages.Node, remaining time.Duration) error {
	c.sim.check.nodes[n] = struct{}{}
	c.chosen = n.Address
	if c.deadline != 0 {
		if left := c.deadline.Sub(c.sim.clock.now); remaining <= 0 || remaining > max(left, 1) {
			c.sim.violatef(InTime, "the server of call %d would be told %s, and %s are left", c.id, remaining, left)
		}
	}
	c.fills++
	c.panic(PanicFill)
	binary.LittleEndian.PutUint64(c.body, uint64(c.id)+1)
	binary.LittleEndian.PutUint64(c.body[8:], uint64(c.fills))
	m.Body = c.body
	return nil
}

// requestOf reads a request that Fill has written.
func (s *sim) requestOf(m *transport.Message) (*call, uint64) {
	if len(m.Body) < requestLen {
		return nil, 0
	}
	id := binary.LittleEndian.Uint64(m.Body) - 1
	if id >= uint64(len(s.calls)) {
		return nil, 0
	}
	return s.calls[id], binary.LittleEndian.Uint64(m.Body[8:])
}

// ReplyError implements caller.Exchange.
func (c *call) ReplyError(m *transport.Message, _ *messages.Node, _ error) error {
	if !c.own("judged", m) {
		return errGarbled
	}
	c.panic(PanicReplyError)
	if m.Body[0] == replyFailed {
		return errApplication
	}
	return nil
}

// Decode implements caller.Exchange.
func (c *call) Decode(m *transport.Message) error {
	if c.decodes++; c.decodes > 1 {
		c.sim.violatef(OwnReply, "the value of call %d was touched a second time", c.id)
	}
	if !c.own("decoded", m) {
		return errGarbled
	}
	c.panic(PanicDecode)
	if m.Body[0] == replyGarbled {
		return errGarbled
	}
	return nil
}

// own checks that a reply belongs to this call, which has not ended.
func (c *call) own(done string, m *transport.Message) bool {
	s := c.sim
	switch {
	case c.over:
		s.violatef(OwnReply, "a reply was %s for call %d, which has its result", done, c.id)
	case m == nil || len(m.Body) != replyLen:
		s.violatef(OwnReply, "nothing was %s for call %d", done, c.id)
	case binary.LittleEndian.Uint64(m.Body[1:]) != uint64(c.id):
		s.violatef(OwnReply, "a reply to call %d was %s for call %d", binary.LittleEndian.Uint64(m.Body[1:]), done, c.id)
	default:
		return true
	}
	return false
}

// Retry implements caller.Exchange.
func (c *call) Retry(int, error) (messages.Wish, time.Duration, error) {
	c.panic(PanicRetry)
	return c.spec.Wish, -1, nil
}

// Wrap implements caller.Exchange.
func (c *call) Wrap(_ *messages.Node, do func(context.Context) error) error {
	return do((*callContext)(c))
}

// Sent implements caller.Exchange.
func (*call) Sent(bool) {}

// Keep implements caller.Exchange.
func (*call) Keep() {}
