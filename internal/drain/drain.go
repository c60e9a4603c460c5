// SPDX-License-Identifier: Apache-2.0

// Package drain ends what is in flight when a client is closed: it waits, cancels
// the rest, and gives that a moment to return.
package drain

import (
	"time"

	"example.com/mailcall/internal/clock"
)

// grace is how long Drain waits for what it has cancelled. That returns at once
// unless user code blocks it.
const grace = time.Second

// Group is what is in flight: calls or streams. All fields are required.
type Group struct {
	// Live returns how many are in flight.
	Live func() int
	// Ended receives a value after one has ended; it may skip some if they end
	// faster than they are received.
	Ended <-chan struct{}
	// Cancel cancels all of them, without waiting, and returns how many there were.
	Cancel func() int
	// Clock is the source of time.
	Clock clock.Clock
}

// Drain waits until nothing is in flight or end is closed. Then it cancels the rest,
// waits for it for a second at most, and returns how many it has cancelled. Nothing
// new may begin meanwhile.
func (g Group) Drain(end <-chan struct{}) (cut int) {
	if g.wait(end) {
		return 0
	}
	cut = g.Cancel()
	over := make(chan struct{})
	timer := g.Clock.Timer(func() { close(over) })
	timer.Reset(g.Clock.Now().Add(grace))
	g.wait(over)
	timer.Stop()
	return cut
}

// wait waits until nothing is in flight; it returns false if end comes first.
func (g Group) wait(end <-chan struct{}) bool {
	for g.Live() > 0 {
		select {
		case <-g.Ended:
		case <-end:
			return g.Live() == 0
		}
	}
	return true
}
