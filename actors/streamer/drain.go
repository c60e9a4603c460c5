// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// cutGrace is how long Close waits for streams that it has cancelled.
const cutGrace = time.Second

// Close refuses new streams, waits for the open ones until ctx is done, then
// cancels the rest and returns how many it cancelled.
func (d *Desk) Close(ctx context.Context) (cut int) {
	d.refuse()
	if d.await(ctx.Done()) {
		return 0
	}
	cut = d.Cancel(fmt.Errorf("%w: the stream was cut", rpcerr.ErrClosed))
	grace := make(chan struct{})
	timer := d.Clock.Timer(func() { close(grace) })
	timer.Reset(d.Clock.Now().Add(cutGrace))
	d.await(grace)
	timer.Stop()
	return cut
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
			s.ref.Tell(messages.CancelStream{Err: err})
		}
		s.cancel(err)
		n++
	}
	return n
}

// await waits until no stream is open; it returns false if end comes first.
func (d *Desk) await(end <-chan struct{}) bool {
	for d.Live() > 0 {
		select {
		case <-d.gone:
		case <-end:
			return d.Live() == 0
		}
	}
	return true
}
