// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"io"
	"sync"

	"example.com/mailcall/transport"
)

// solo is Send and Recv on a connection that could do more: exchanges one
// after the other, for those who know no better.
type solo struct {
	once    sync.Once
	replies chan reply
	given   transport.Loan
}

// soloWaiting is how many replies may wait for Recv.
const soloWaiting = 64

type reply struct {
	m    transport.Message
	loan transport.Loan
	err  error
}

func (s *solo) init() { s.once.Do(func() { s.replies = make(chan reply, soloWaiting) }) }

// Deliver implements [transport.Receiver].
func (s *solo) Deliver(_ uint64, m *transport.Message, loan transport.Loan, err error) {
	r := reply{loan: loan, err: err}
	if m != nil {
		r.m = *m
		if loan == nil {
			r.m = transport.Message{Header: m.Header.Clone(), Body: append([]byte(nil), m.Body...)}
		}
	}
	select {
	case s.replies <- r:
	default: // more was sent than received: Send refuses that
	}
}

// Send implements [transport.Conn]: it begins an exchange whose reply a later
// Recv returns. At most 64 replies may be waited for at a time.
func (c *conn) Send(m *transport.Message) error {
	c.solo.init()
	if running, _ := c.Load(); running+len(c.solo.replies) >= soloWaiting {
		return full(errTooMany)
	}
	_, err := c.Begin(m, &c.solo, 0)
	return err
}

// Recv implements [transport.Conn]: it waits for the next reply to what Send
// has sent.
func (c *conn) Recv(m *transport.Message) error {
	c.solo.init()
	if c.solo.given != nil {
		c.solo.given.Return()
		c.solo.given = nil
	}
	var r reply
	select {
	case r = <-c.solo.replies:
	default:
		select {
		case r = <-c.solo.replies:
		case <-c.over:
			select {
			case r = <-c.solo.replies:
			default:
				return io.EOF
			}
		}
	}
	c.solo.given = r.loan
	*m = r.m
	return r.err
}
