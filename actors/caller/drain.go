// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// cutGrace is how long Close waits for calls that it has cancelled. They
// return at once unless code of the user holds them.
const cutGrace = time.Second

// Refuse refuses new calls from now on. [Desk.Close] does the rest.
func (d *Desk) Refuse() { d.closed.Store(true) }

// Close refuses new calls, waits for those in flight until ctx ends, then
// cancels them, and returns how many it cut. [Desk.Vacate] does the rest.
func (d *Desk) Close(ctx context.Context) (cut int) {
	d.Refuse()
	if !d.await(ctx.Done()) {
		cut = d.Cancel(fmt.Errorf("%w: the call was cut", rpcerr.ErrClosed))
		grace := make(chan struct{})
		timer := d.Clock.Timer(func() { close(grace) })
		timer.Reset(d.Clock.Now().Add(cutGrace))
		d.await(grace)
		timer.Stop()
	}
	return cut
}

// Shut refuses new calls and cancels those in flight with err, without waiting
// for them. It returns how many it cut.
func (d *Desk) Shut(err error) (cut int) {
	d.Refuse()
	return d.Cancel(err)
}

// Vacate takes the actors of all calls that are over out of the actor system.
// It is the last thing that happens to a closed desk, when every keeper is gone:
// until then one may lend a connection to a call that was cut, and only the cell
// gives it back.
func (d *Desk) Vacate() {
	d.grow.Lock()
	defer d.grow.Unlock()
	for _, c := range *d.cells.Load() {
		if c.gen.Load()%2 == 0 { // and so it stays: a closed desk gives none away
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

// await waits until no call is in flight; false if the wait was ended first.
func (d *Desk) await(end <-chan struct{}) bool {
	for d.Live() > 0 {
		select {
		case <-d.freed:
		case <-end:
			return d.Live() == 0
		}
	}
	return true
}

// Live is how many calls are in flight.
func (d *Desk) Live() (n int) {
	for _, c := range *d.cells.Load() {
		if c.gen.Load()%2 == 1 {
			n++
		}
	}
	return n
}

// Cancel ends every call in flight with err and returns how many there were.
func (d *Desk) Cancel(err error) (n int) {
	for _, c := range *d.cells.Load() {
		if ticket := c.gen.Load(); ticket%2 == 1 {
			c.post(toSupervisor, messages.Ticket(ticket), messages.Cancel{Ticket: messages.Ticket(ticket), Err: err})
			n++
		}
	}
	return n
}
