// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

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
