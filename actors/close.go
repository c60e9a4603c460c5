// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"context"
	"fmt"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// stopGrace is how long Close waits for actors and goroutines after the last
// call. They stop at once unless user code blocks them.
const stopGrace = 2 * time.Second

// Close refuses new calls, waits for those in flight until ctx is done, and
// cancels the rest; then it closes every connection and stops every actor. It
// returns how many calls and streams it cancelled. A nil ctx counts as done. A
// further Close does nothing and returns the same number.
func (r *Runtime) Close(ctx context.Context) (cut int) {
	if ctx == nil {
		over, cancel := context.WithCancel(r.ctx)
		cancel()
		ctx = over //nolint:contextcheck // there is none to derive it from
	}
	r.close.Do(func() {
		r.Desk.Refuse() // now, because waiting for streams may take long
		r.cut = r.Streams.Close(ctx) + r.Desk.Close(ctx)
		r.end()
		if r.cache != r.Registry { // a cache of the user's stays open
			_ = r.cache.Close() // it always returns nil
		}
		done := make(chan struct{})
		r.root.Tell(messages.Shutdown{Done: done})
		stopped := make(chan struct{})
		go func() {
			<-done
			r.work.Wait()
			close(stopped)
		}()
		grace := make(chan struct{})
		timer := r.Clock.Timer(func() { close(grace) })
		timer.Reset(r.Clock.Now().Add(stopGrace))
		select {
		case <-stopped:
		case <-grace:
			r.Logger.Warn("mailcall: something of the user's still runs after Close", "client", r.Name)
		}
		timer.Stop()
		r.Desk.Vacate()
		if r.Broker != nil {
			_ = r.System.Root.StopFuture(r.publisher.PID()).Wait()
		}
		_ = r.System.Root.StopFuture(r.retrier.PID()).Wait() // it always stops; a time-out changes nothing
		if r.own {
			r.System.Shutdown()
		}
	})
	return r.cut
}

// Shut is Close for a simulator, which must not block: it refuses new calls,
// cancels those in flight and tells all actors to stop. The simulator calls over
// whenever nothing is runnable; each call does what had to wait for that, and
// returns true once nothing is left to do. Shut is called once, instead of Close.
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
