// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"fmt"

	"example.com/mailcall/internal/drain"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// Close refuses new streams, waits for the open ones until ctx is done, then
// cancels the rest and returns how many it cancelled.
func (d *Desk) Close(ctx context.Context) (cut int) {
	d.refuse()
	cancel := func() int { return d.Cancel(fmt.Errorf("%w: the stream was cut", rpcerr.ErrClosed)) }
	return drain.Group{Live: d.Live, Ended: d.gone, Cancel: cancel, Clock: d.Clock}.Drain(ctx.Done())
}

// Shut refuses new streams and cancels the open ones with err, without waiting
// for them. It returns how many it cancelled.
func (d *Desk) Shut(err error) (cut int) {
	d.refuse()
	return d.Cancel(err)
}

func (d *Desk) refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// Cancel ends every open stream with err and returns how many there were.
func (d *Desk) Cancel(err error) (n int) {
	for _, s := range d.streams() {
		if s.started() {
			s.post(s.ref, messages.CancelStream{Err: err})
		}
		s.cancel(err)
		n++
	}
	return n
}
