// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"fmt"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// Shut is Close for a simulator, which must not block: it refuses new calls,
// cuts those in flight and tells everything to end. over is to be called when
// nothing is runnable any more; it goes on with what has to wait for that, and
// returns true once nothing is left to do. Shut is called once, in place of
// Close.
func (r *Runtime) Shut() (over func() bool) {
	r.cut = r.Streams.Shut(fmt.Errorf("%w: the stream was cut", rpcerr.ErrClosed)) +
		r.Desk.Shut(fmt.Errorf("%w: the call was cut", rpcerr.ErrClosed))
	done := make(chan struct{})
	r.root.Tell(messages.Shutdown{Done: done})
	stopped := false
	return func() bool {
		select {
		case <-done:
		default:
			return false
		}
		if r.Desk.Live()+r.Streams.Live() > 0 || stopped {
			return stopped
		}
		r.end()
		r.Desk.Vacate()
		if r.Broker != nil {
			r.System.Root.Stop(r.publisher.PID())
		}
		r.System.Root.Stop(r.retrier.PID())
		stopped = true
		return false
	}
}

// Services returns the services that have been called, by their keys. The map
// must not be changed.
func (r *Runtime) Services() map[string]*messages.Service { return r.directory.All() }

// Pools returns the pools that exist now. The slice must not be changed.
func (r *Runtime) Pools() []*messages.Pool { return *r.pools.Load() }
