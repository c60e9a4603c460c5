// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/mailcall/transport"
)

// open and shut keep the list of connections that hear of refusals.
func (l *link) open(c *conn) {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	l.conns[c] = true
}

func (l *link) shut(c *conn) {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	delete(l.conns, c)
}

// refused ends the connections that a refusal of the server concerns. It names a
// subject, and neither the message nor who sent it: only where no more than one
// message can be meant, that one is known not to have been sent.
func (l *link) refused(err error) {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	var senders []*conn
	for c := range l.conns {
		switch {
		case c.ctx.Err() != nil: // it is over
		case c.reply != "" && strings.Contains(err.Error(), strconv.Quote(c.reply)):
			c.end(fmt.Errorf("nats transport: answers of %s cannot come: %w", c.remote, err))
		case c.unread.Load() > 0 && strings.Contains(err.Error(), strconv.Quote(c.subject)):
			senders = append(senders, c)
		}
	}
	for _, c := range senders {
		cause := fmt.Errorf("nats transport: send to %s: %w", c.remote, err)
		if len(senders) == 1 && c.unread.Load() == 1 {
			cause = transport.NotSent(cause)
		}
		c.end(cause)
	}
}
