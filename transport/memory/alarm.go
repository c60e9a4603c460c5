// SPDX-License-Identifier: Apache-2.0

package memory

import "example.com/mailcall/internal/clock"

// alarm wakes one waiting goroutine at an instant. Only that goroutine uses it; the timer
// is made when it is first needed, and reused.
type alarm struct {
	timer clock.Timer
	wake  chan struct{}
}

// set returns the channel that gets a value at the instant. It may get one early, from
// an earlier wait, so the waiter must check the clock. The zero instant is never.
func (a *alarm) set(c clock.Clock, at clock.Instant) <-chan struct{} {
	if at == 0 {
		return nil
	}
	if a.timer == nil {
		wake := make(chan struct{}, 1)
		a.wake = wake
		a.timer = c.Timer(func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	}
	a.timer.Reset(at)
	return a.wake
}

func (a *alarm) clear() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
