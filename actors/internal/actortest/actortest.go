// SPDX-License-Identifier: Apache-2.0

// Package actortest helps to test an actor whose turns the test takes itself.
package actortest

import (
	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/internal/clock"
)

// Inbox is a process that keeps the messages that it is told. It is not safe for
// concurrent use.
type Inbox []any

// SendUserMessage implements actor.Process.
func (in *Inbox) SendUserMessage(_ *actor.PID, m any) {
	*in = append(*in, actor.UnwrapEnvelopeMessage(m))
}

// SendSystemMessage implements actor.Process; the message is dropped.
func (*Inbox) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (*Inbox) Stop(*actor.PID) {}

// Clock is a clock that the test moves, and its only timer, which never fires.
type Clock struct {
	clock.Clock
	// At is the current time.
	At clock.Instant
	// Due is for when the timer is set, 0 if it is stopped.
	Due clock.Instant
}

// Now implements clock.Clock.
func (c *Clock) Now() clock.Instant { return c.At }

// Timer implements clock.Clock.
func (c *Clock) Timer(func()) clock.Timer { return c }

// Reset implements clock.Timer.
func (c *Clock) Reset(at clock.Instant) { c.Due = at }

// Stop implements clock.Timer.
func (c *Clock) Stop() { c.Due = 0 }
