// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/mailcall/transport"
)

// open and shut maintain the set of connections that are notified of permission errors.
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

// refused ends the connections affected by a permission error of the server. The error
// names a subject, but neither the message nor its sender: only if it can be about no
// more than one message is that message known not to have been sent.
func (l *link) refused(err error) {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	var senders []*conn
	for c := range l.conns {
		switch {
		case c.ctx.Err() != nil: // it has ended already
		case c.reply != "" && strings.Contains(err.Error(), strconv.Quote(c.reply)):
			c.end(fmt.Errorf("nats transport: answers of %s cannot be received: %w", c.remote, err))
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
