// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
)

// expel disposes of all envelopes that are for earlier calls of the cell.
func (c *cell) expel() {
	now := messages.Ticket(c.gen.Load())
	for _, e := range c.mail.take(func(e envelope) bool { return e.ticket != now }) {
		c.late(e.body)
	}
}

// late counts a message for a call that has ended. A connection in it goes back
// to its keeper, and a token to the retry budget.
func (c *cell) late(body any) {
	c.desk.Counters.Late.Add(1)
	switch m := body.(type) {
	case messages.Leased:
		if m.Conn != nil && m.Conn.Shared == nil && !planted.LeaseNotReturned {
			m.Conn.Pool.Keeper.Tell(messages.Released{Conn: m.Conn})
		}
	case messages.Judged:
		c.refund(m)
	}
}

// refund returns the token that the budget has paid for an attempt that is not
// made.
func (c *cell) refund(m messages.Judged) {
	if m.Spent != nil {
		c.desk.Retrier.Tell(messages.Refund{Service: m.Spent})
	}
}

// post delivers a message from another goroutine. If its ticket is not that of
// the live call, it is late. The check is repeated once the envelope is in the
// mailbox, so that none stays behind in a cell that is freed meanwhile.
func (c *cell) post(to int, ticket messages.Ticket, body any) {
	if planted.LateReplyDecoded {
		if _, ok := body.(messages.Replied); ok {
			ticket = messages.Ticket(c.gen.Load())
		}
	}
	if messages.Ticket(c.gen.Load()) != ticket {
		c.late(body)
		return
	}
	c.mail.post(envelope{to: to, ticket: ticket, body: body})
	if messages.Ticket(c.gen.Load()) != ticket {
		c.expel()
		return
	}
	if _, urgent := body.(messages.Cancel); urgent {
		c.interrupt(ticket)
	}
	c.rouse()
}

// interrupt ends the exchange on which the call is blocked, if any. If parking
// has not changed, neither has the connection.
func (c *cell) interrupt(ticket messages.Ticket) {
	word := c.parking.Load()
	conn, cut := c.inline.Load(), c.cut.Load()
	if word>>tokenBits != uint64(ticket) || !c.parking.CompareAndSwap(word, interrupted) {
		return
	}
	if cut != nil {
		cut.cut()
		return
	}
	conn.Interrupt()
}

// rouse wakes the goroutine that runs the cell, wherever it is waiting.
func (c *cell) rouse() {
	c.wakeUp()
	c.nudge(nil)
}

// nudge makes the running goroutine return from the connection that it leads,
// unless that is but, from which it has just read the news.
func (c *cell) nudge(but *messages.Conn) {
	if conn := c.leading.Load(); conn != nil && conn != but {
		conn.Nudge()
	}
}

func (c *cell) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
	if c.desk.Schedule != nil {
		c.desk.Schedule(c.turns)
	}
}

// tell sends a message from one actor of the cell to another.
func (c *cell) tell(to int, body any) { c.mail.put(to, body) }
