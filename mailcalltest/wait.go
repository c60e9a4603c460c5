// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"time"

	"example.com/mailcall/internal/clock"
)

// wait waits for d, or until stop is closed. It reports whether d passed.
func wait(c clock.Clock, d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	fired := make(chan struct{})
	timer := c.Timer(func() { close(fired) })
	timer.Reset(c.Now().Add(d))
	defer timer.Stop()
	select {
	case <-fired:
		return true
	case <-stop:
		return false
	}
}
