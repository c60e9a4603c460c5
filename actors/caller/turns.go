// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"example.com/mailcall/messages"
)

// run takes turns until there is nothing left to do. Messages inside the cell
// go before the timer: an attempt that has reached its bound by itself has
// already reported that, and must not be ended a second time.
func (c *cell) run() {
	for !c.sup.done {
		if c.rang.Load() && !c.mail.within() {
			c.rang.Store(false)
			c.armed = 0
			c.sup.receive(&c.ring)
			continue
		}
		l, ok := c.mail.next()
		switch {
		case !ok:
			if !c.landed() {
				return
			}
		case l.ticket != 0 && l.ticket != c.ticket:
			c.late(l.body)
		case l.to == toSupervisor:
			if m, ok := l.body.(messages.SupervisorMessage); ok {
				c.sup.receive(m)
			}
		default:
			if m, ok := l.body.(messages.AttemptMessage); ok {
				c.attempts[l.to].receive(m)
			}
		}
	}
}

// landed gives a turn to one attempt whose reply has landed, and reports whether
// there was one. The supervisor handles its report before the other's turn.
func (c *cell) landed() bool {
	for i, live := range c.sup.state.live {
		if a := &c.attempts[i]; live && a.land() {
			a.landed()
			return true
		}
	}
	return false
}

// arm sets the timer for what is due next. A timer that will fire earlier is
// left as it is: then nothing is due, and it is armed again.
func (c *cell) arm() {
	due := c.sup.state.due()
	if due == 0 || c.armed != 0 && c.armed <= due {
		return
	}
	if c.timer == nil {
		c.timer = c.desk.Clock.Timer(c.ringing)
	}
	c.armed = due
	c.timer.Reset(due)
}

// park waits until there is something to do.
func (c *cell) park() {
	c.arm()
	ended := false
	switch done := c.ctx.Done(); {
	case c.desk.Park != nil:
		ended = c.desk.Park(c.wake, done)
	case c.lead != 0 && c.follow():
	case done == nil:
		<-c.wake
	default:
		select {
		case <-c.wake:
		case <-done:
			ended = true
		}
	}
	c.now = c.desk.Clock.Now()
	if ended {
		c.sup.finish(c.sup.contextError(), c.now)
	}
}

// follow reads the connection that the call has promised to lead until there is
// something to do, and reports whether there is.
func (c *cell) follow() (woken bool) {
	conn, lead := c.toLead, c.lead
	c.toLead, c.lead = nil, 0
	defer func() {
		c.leading.Store(nil)
		if recover() != nil {
			woken = false // then park waits as if it did not lead
		}
	}()
	c.leading.Store(conn)
	return conn.Led.Lead(lead, c.wake)
}
