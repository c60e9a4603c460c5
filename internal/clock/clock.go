// SPDX-License-Identifier: Apache-2.0

// Package clock is the one source of time. All decisions take the time from a
// [Clock], so that the simulator can replace it.
package clock

import (
	"math"
	"time"
)

// Instant is a point in time: nanoseconds on the monotonic scale of one clock. The
// zero Instant means "never" or "not set"; no clock ever returns it.
type Instant int64

// Add returns the instant d later. It saturates at the last instant, because a very
// long duration stands for "for ever".
func (i Instant) Add(d time.Duration) Instant {
	if later := i + Instant(d); later >= i || d < 0 {
		return later
	}
	return math.MaxInt64
}

// Sub returns the duration from earlier to i.
func (i Instant) Sub(earlier Instant) time.Duration { return time.Duration(i - earlier) }

// Earlier returns the earlier of two instants, the other one if one is 0.
func Earlier(a, b Instant) Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Clock tells the time and makes timers. Implementations are safe for concurrent
// use.
type Clock interface {
	// Now returns the current instant, which is always positive.
	Now() Instant
	// Time converts an instant to a time with a monotonic reading, for network
	// deadlines.
	Time(at Instant) time.Time
	// Instant converts a time, such as a context's deadline, to an instant.
	Instant(t time.Time) Instant
	// Timer returns a stopped timer that calls f each time it fires, on a goroutine
	// of its own (the simulator: in its loop).
	Timer(f func()) Timer
}

// Timer is a reusable timer.
type Timer interface {
	// Reset arms the timer to fire once, at the given instant instead of an earlier
	// one. For an instant in the past it fires at once.
	Reset(at Instant)
	// Stop disarms the timer. It does not wait for a call of f that has begun.
	Stop()
}

// Real returns the clock of the machine.
func Real() Clock {
	// One hour back, so that instants are positive even for times shortly before
	// the clock was made.
	return machine{base: time.Now().Add(-time.Hour)}
}

type machine struct{ base time.Time }

func (m machine) Now() Instant { return Instant(time.Since(m.base)) }

func (m machine) Time(at Instant) time.Time { return m.base.Add(time.Duration(at)) }

func (m machine) Instant(t time.Time) Instant {
	if t != t.Round(0) { // it has a monotonic reading
		return Instant(t.Sub(m.base))
	}
	// The wall clock may have been set since base was read, so the distance to t is
	// computed with the current wall clock.
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
