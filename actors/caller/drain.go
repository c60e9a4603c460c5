// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"

	"example.com/mailcall/internal/drain"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// Refuse refuses new calls from now on. [Desk.Close] does the rest.
func (d *Desk) Refuse() { d.closed.Store(true) }

// Close refuses new calls, waits for those in flight until ctx is done, then
// cancels the rest and returns how many it cancelled. [Desk.Vacate] does the rest.
func (d *Desk) Close(ctx context.Context) (cut int) {
	d.Refuse()
	cancel := func() int { return d.Cancel(fmt.Errorf("%w: the call was cut", rpcerr.ErrClosed)) }
	return drain.Group{Live: d.Live, Ended: d.freed, Cancel: cancel, Clock: d.Clock}.Drain(ctx.Done())
}

// Shut refuses new calls and cancels those in flight with err, without waiting
// for them. It returns how many it cancelled.
func (d *Desk) Shut(err error) (cut int) {
	d.Refuse()
	return d.Cancel(err)
}

// Vacate removes the actors of all calls that have ended from the actor system.
// It is the last step of closing a desk, once every keeper has stopped: until then
// a keeper may lease a connection to a call that was cancelled, and only its cell
// returns it.
func (d *Desk) Vacate() {
	d.grow.Lock()
	defer d.grow.Unlock()
	for _, c := range *d.cells.Load() {
		if c.gen.Load()%2 == 0 { // it stays free: a closed desk claims no cell
			if c.timer != nil {
				c.timer.Stop()
			}
			d.System.ProcessRegistry.Remove(c.ref.PID())
			for i := range c.attempts {
				d.System.ProcessRegistry.Remove(c.attempts[i].ref.PID())
			}
		}
	}
}

// Live returns how many calls are in flight.
func (d *Desk) Live() (n int) {
	for _, c := range *d.cells.Load() {
		if c.gen.Load()%2 == 1 {
			n++
		}
	}
	return n
}

// Cancel ends every call in flight with err and returns how many there were.
// It does not wait for them.
func (d *Desk) Cancel(err error) (n int) {
	for _, c := range *d.cells.Load() {
		if ticket := c.gen.Load(); ticket%2 == 1 {
			c.post(toSupervisor, messages.Ticket(ticket), messages.Cancel{Ticket: messages.Ticket(ticket), Err: err})
			n++
		}
	}
	return n
}
