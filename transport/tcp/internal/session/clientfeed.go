// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/planted"
)

// Feed reads frames from p and returns how many bytes it has used. The rest is the
// beginning of a frame, which must be fed again with more bytes: need in all, or 0 if that
// is not known yet. now is the time in nanoseconds from any origin. An error is a
// [*BrokenError].
func (c *Client) Feed(p []byte, now int64, sink ClientSink) (used, need int, err error) {
	for {
		h, payload, total, err := c.cut(p[used:])
		if err != nil {
			return used, 0, err
		}
		if total == 0 || payload == nil && total > len(p)-used {
			return used, total, nil
		}
		used += total
		if err = c.frame(h, payload, now, sink); err != nil {
			return used, 0, err
		}
	}
}

func (c *Client) frame(h frame.Header, payload []byte, now int64, sink ClientSink) error {
	switch h.Type {
	case frame.Message, frame.Data:
		return c.message(h, payload, sink)
	case frame.End:
		return c.ended(h, payload, sink)
	case frame.Reset:
		r, err := readReset(payload)
		if err != nil {
			return err
		}
		c.Counters.Resets++
		s, index := c.slot(h.ID)
		if s == nil {
			return c.late(now)
		}
		if c.early(s) {
			return earlier(h)
		}
		c.fail(s, index, c.toError(r), sink)
		return nil
	case frame.Credit:
		var st *Stream
		if s, _ := c.slot(h.ID); s != nil {
			st = s.stream
		}
		if err := c.credited(h, payload, st); err != nil {
			return err
		}
		if st != nil || h.ID == 0 {
			sink.Credited(st)
		}
		return nil
	case frame.Goaway:
		return c.goneAway(payload, now, sink)
	case frame.Open:
		return broken("OPEN from the side that answers")
	default:
		return c.control(h, payload, now)
	}
}

// early reports whether nothing of an exchange was sent yet, so that the peer cannot know
// its id.
func (c *Client) early(s *slot) bool { return s.start >= c.taken }

func earlier(h frame.Header) error {
	return broken("%s frame for an exchange before it has begun", h.Type)
}

// late counts a reset for an exchange that has ended. Too many are treated as a flood.
func (c *Client) late(now int64) error {
	c.Counters.Late++
	if !c.resets.take(now) {
		return flooded("more than %d resets at once", resetBurst)
	}
	return nil
}

// message handles Message and Data frames.
func (c *Client) message(h frame.Header, payload []byte, sink ClientSink) error {
	var hd head
	body := payload
	if h.Type == frame.Message {
		var err error
		if hd, err = c.readHead(h, payload); err != nil {
			return err
		}
		body = payload[h.Head:]
	}
	s, index := c.slot(h.ID)
	switch {
	case s == nil:
		c.Counters.Late++
		if h.Has(frame.FlagStream) {
			_, err := c.charge(nil, int(h.Length))
			return err
		}
		return nil
	case c.early(s):
		return earlier(h)
	case s.stream == nil:
		return c.reply(h, hd, body, sink)
	case !h.Has(frame.FlagStream):
		return broken("%s frame without STREAM on a stream", h.Type)
	}
	it, ready, refused, err := c.arrived(s.stream, h, hd, body)
	switch {
	case err != nil:
		return err
	case refused != nil:
		st := s.stream
		c.vacate(s, index)
		c.reset(h.ID, *refused)
		sink.Broke(st, refused.local())
	case ready:
		st := s.stream
		if it.End {
			c.vacate(s, index)
		}
		sink.Item(st, it)
	}
	return nil
}

// reply handles the answer to a unary exchange.
func (c *Client) reply(h frame.Header, hd head, body []byte, sink ClientSink) error {
	s, index := c.slot(h.ID)
	switch {
	case h.Has(frame.FlagStream):
		return broken("%s frame with STREAM on a unary exchange", h.Type)
	case h.Type == frame.Message && s.asm != nil:
		return broken("MESSAGE frame within a message")
	case h.Type == frame.Data && s.asm == nil:
		return broken("DATA frame without a message")
	case h.Has(frame.FlagMore) && h.Type == frame.Message:
		asm, refused, err := c.assemble(hd, body)
		if refused != nil {
			r, token := s.receiver, s.token
			c.vacate(s, index)
			c.reset(h.ID, *refused)
			sink.Failed(r, token, refused.local())
		}
		s.asm = asm
		return err
	case h.Type == frame.Data:
		done, err := s.asm.add(h, body)
		if err != nil || !done {
			return err
		}
		hd.block, body = s.asm.block, s.asm.body
	case len(body) > c.own.Message:
		r, token := s.receiver, s.token
		c.vacate(s, index)
		sink.Failed(r, token, tooLarge("reply", len(body), c.own.Message))
		return nil
	}
	if !h.Has(frame.FlagEnd) {
		return broken("a unary exchange is answered with more than one message")
	}
	r, token, owned := s.receiver, s.token, s.asm != nil
	c.vacate(s, index)
	sink.Reply(r, token, hd.block.Header(), body, owned)
	return nil
}

// ended handles an End frame.
func (c *Client) ended(h frame.Header, payload []byte, sink ClientSink) error {
	hd, err := c.readHead(h, payload)
	if err != nil {
		return err
	}
	if int(h.Head) != len(payload) {
		return broken("END with a body")
	}
	s, index := c.slot(h.ID)
	switch {
	case s == nil:
		c.Counters.Late++
	case c.early(s):
		return earlier(h)
	case s.asm != nil || s.stream != nil && s.stream.asm != nil:
		return broken("END within a message")
	case planted.HalfCloseDropped:
	case s.stream == nil:
		r, token := s.receiver, s.token
		c.vacate(s, index)
		sink.Failed(r, token, transport.Answered(errNoAnswer))
	default:
		st := s.stream
		st.gotEnd = true
		c.vacate(s, index)
		sink.Ended(st, hd.block.Header())
	}
	return nil
}
