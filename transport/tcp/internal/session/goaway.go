// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/binary"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// goaway writes a Goaway frame.
func (l *Link) goaway(accepted uint64, code Code, reason string) {
	l.out = appendGoaway(l.out, accepted, code, reason)
}

// AppendGoaway appends the Goaway frame that reports a protocol error to the peer.
func (b *BrokenError) AppendGoaway(to []byte, accepted uint64) []byte {
	return appendGoaway(to, accepted, b.Code, b.Text)
}

func appendGoaway(to []byte, accepted uint64, code Code, reason string) []byte {
	start := len(to)
	to = frame.Begin(to, frame.Goaway, 0, 0)
	to = binary.AppendUvarint(to, accepted)
	to = binary.AppendUvarint(to, uint64(code))
	to = append(to, cutReason(reason)...)
	frame.Finish(to, start, len(to)-start-frame.HeaderSize, 0)
	return to
}

// farewell reads a Goaway frame.
func (l *Link) farewell(payload []byte, now int64) (accepted uint64, err error) {
	s := frame.From(payload)
	accepted, code := s.Uint(), Code(s.Uint())
	reason := s.Rest()
	switch {
	case s.Bad() || len(reason) > maxReason:
		return 0, broken("invalid GOAWAY")
	case !l.goaways.take(now):
		return 0, flooded("more than %d goaways", goawayBurst)
	}
	l.parting = leaveReason(code, string(reason))
	return accepted, nil
}

// Parting returns why the peer closes the connection, if it has said so, else "".
func (l *Link) Parting() string { return l.parting }

// goneAway handles a Goaway frame: exchanges that the peer has not accepted were not
// executed.
func (c *Client) goneAway(payload []byte, now int64, sink ClientSink) error {
	accepted, err := c.farewell(payload, now)
	if err != nil {
		return err
	}
	if c.leaving && accepted > c.last {
		return broken("GOAWAY that accepts more than the previous one")
	}
	c.leaving, c.last = true, accepted
	err = transport.NotSent(c.toError(Reset{Code: CodeLeaving, Reason: c.parting}))
	for i := range c.slots {
		if s := &c.slots[i]; s.live && s.number > accepted {
			c.fail(s, uint32(i), err, sink)
		}
	}
	return nil
}

func leaveReason(code Code, reason string) string {
	switch {
	case code == CodeNone:
		return reason
	case reason == "":
		return code.String()
	}
	return code.String() + ": " + reason
}
