// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"io"
	"sync"

	"example.com/mailcall/transport"
)

// solo implements Send and Recv on a multiplexed connection, for callers that use a
// plain [transport.Conn].
type solo struct {
	once    sync.Once
	replies chan reply
	given   transport.Loan // of the last reply that Recv has returned
}

// soloWaiting is how many exchanges may run or have a reply that waits for Recv.
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
	default: // not reached: Send limits the number of replies
	}
}

// Send implements [transport.Conn]. It begins an exchange whose reply a later Recv
// returns. At most 64 replies may be outstanding.
func (c *conn) Send(m *transport.Message) error {
	c.solo.init()
	if running, _ := c.Load(); running+len(c.solo.replies) >= soloWaiting {
		return full(errTooMany)
	}
	_, err := c.Begin(m, &c.solo, 0)
	return err
}

// Recv implements [transport.Conn]. It waits for the next reply to a message that was
// sent with Send.
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
