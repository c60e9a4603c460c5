// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"container/heap"
	"time"

	"example.com/mailcall/internal/clock"
)

// start is the instant at which a run begins. It is not 0, which means never.
const start = clock.Instant(time.Second)

// virtual is a clock that moves only when it is told to. Its timers are ordered by
// time; those with equal times by the order in which they were armed.
type virtual struct {
	now   clock.Instant
	base  time.Time
	seq   uint64
	armed timers
	world int // armed timers that belong to the world, not to the client
}

func newClock() *virtual {
	// Package context compares deadlines with the clock of the machine, so they must
	// be in its future.
	return &virtual{now: start, base: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Now implements clock.Clock.
func (v *virtual) Now() clock.Instant { return v.now }

// Time implements clock.Clock.
func (v *virtual) Time(at clock.Instant) time.Time { return v.base.Add(time.Duration(at)) }

// Instant implements clock.Clock.
func (v *virtual) Instant(t time.Time) clock.Instant { return clock.Instant(t.Sub(v.base)) }

// Timer implements clock.Clock.
func (v *virtual) Timer(f func()) clock.Timer { return &timer{clock: v, fire: f, at: -1} }

// after calls f once, d from now, for the world.
func (v *virtual) after(d time.Duration, f func()) {
	t := &timer{clock: v, fire: f, at: -1, world: true}
	t.Reset(v.now.Add(max(d, 0)))
}

// next returns when the next timer fires; false if none is armed.
func (v *virtual) next() (clock.Instant, bool) {
	if len(v.armed) == 0 {
		return 0, false
	}
	return v.armed[0].due, true
}

// pop disarms the next timer and returns it.
func (v *virtual) pop() *timer {
	t := v.armed[0]
	t.Stop()
	return t
}

type timer struct {
	clock *virtual
	fire  func()
	due   clock.Instant
	seq   uint64
	at    int // place in the heap, -1 when not armed
	world bool
}

// Reset implements clock.Timer.
func (t *timer) Reset(at clock.Instant) {
	t.Stop()
	t.clock.seq++
	t.due, t.seq = max(at, t.clock.now), t.clock.seq
	heap.Push(&t.clock.armed, t)
	if t.world {
		t.clock.world++
	}
}

// Stop implements clock.Timer.
func (t *timer) Stop() {
	if t.at < 0 {
		return
	}
	heap.Remove(&t.clock.armed, t.at)
	if t.world {
		t.clock.world--
	}
}

// timers is a heap.
type timers []*timer

// Len implements heap.Interface.
func (h timers) Len() int { return len(h) }

// Less implements heap.Interface.
func (h timers) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].seq < h[j].seq
}

// Swap implements heap.Interface.
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *timers) Push(x any) {
	if t, ok := x.(*timer); ok {
		t.at = len(*h)
		*h = append(*h, t)
	}
}

// Pop implements heap.Interface.
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.at = -1
	return t
}
