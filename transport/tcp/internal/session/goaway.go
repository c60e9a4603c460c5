// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// goneAway handles a Goaway frame: exchanges that the peer has not accepted were not
// executed.
func (c *Client) goneAway(payload []byte, now int64, sink ClientSink) error {
	s := frame.From(payload)
	accepted, code := s.Uint(), Code(s.Uint())
	reason := s.Rest()
	if s.Bad() || len(reason) > maxReason {
		return broken("invalid GOAWAY")
	}
	if !c.goaways.take(now) {
		return flooded("more than %d goaways", goawayBurst)
	}
	if c.leaving && accepted > c.last {
		return broken("GOAWAY that accepts more than the previous one")
	}
	c.leaving, c.last = true, accepted
	err := transport.NotSent(c.toError(Reset{Code: CodeLeaving, Reason: leaveReason(code, reason)}))
	for i := range c.slots {
		if s := &c.slots[i]; s.live && s.number > accepted {
			c.fail(s, uint32(i), err, sink)
		}
	}
	return nil
}

func leaveReason(code Code, reason []byte) string {
	if len(reason) == 0 {
		return code.String()
	}
	return code.String() + ": " + string(reason)
}
