// SPDX-License-Identifier: Apache-2.0

// Package clock is the one source of time. Everything that decides takes its
// time from a [Clock], so that the simulator can put its own in place.
package clock

import (
	"math"
	"time"
)

// Instant is a point in time: nanoseconds on a monotonic scale that begins
// when the clock was made. The zero Instant means "never" or "not set"; no
// clock ever reads it.
type Instant int64

// Add returns the instant d later, or the last there is if d is longer than
// that: who means "for ever" says it with a long time.
func (i Instant) Add(d time.Duration) Instant {
	if later := i + Instant(d); later >= i || d < 0 {
		return later
	}
	return math.MaxInt64
}

// Sub returns the duration from earlier to i.
func (i Instant) Sub(earlier Instant) time.Duration { return time.Duration(i - earlier) }

// Clock tells the time and sets timers. It is used by many goroutines at once.
type Clock interface {
	// Now is the current instant, always positive.
	Now() Instant
	// Time translates an instant into wall-clock time with its monotonic
	// reading, as network deadlines need it.
	Time(at Instant) time.Time
	// Instant translates a time (a context's deadline) into an instant.
	Instant(t time.Time) Instant
	// Timer returns a stopped timer that calls f each time it fires, on a
	// goroutine of its own (the simulator: in its loop).
	Timer(f func()) Timer
}

// Timer is a reusable timer.
type Timer interface {
	// Reset arms the timer to fire once at the given instant, in place of an
	// earlier one. An instant in the past fires at once.
	Reset(at Instant)
	// Stop disarms the timer. A call of f that has begun goes on.
	Stop()
}

// Real returns the clock of the machine.
func Real() Clock {
	// One hour back, so that no reading is zero or negative even for times
	// shortly before the clock was made.
	return machine{base: time.Now().Add(-time.Hour)}
}

type machine struct{ base time.Time }

func (m machine) Now() Instant { return Instant(time.Since(m.base)) }

func (m machine) Time(at Instant) time.Time { return m.base.Add(time.Duration(at)) }

func (m machine) Instant(t time.Time) Instant {
	if t != t.Round(0) { // it has a monotonic reading
		return Instant(t.Sub(m.base))
	}
	// The clock on the wall may have been set since base was read: how far away
	// the time is, only the clock as it is now can tell.
	now := time.Now()
	return Instant(now.Sub(m.base)).Add(t.Sub(now))
}

func (m machine) Timer(f func()) Timer {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return machineTimer{m, t}
}

type machineTimer struct {
	clock machine
	timer *time.Timer
}

func (t machineTimer) Reset(at Instant) { t.timer.Reset(at.Sub(t.clock.Now())) }

func (t machineTimer) Stop() { t.timer.Stop() }
