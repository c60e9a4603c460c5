// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"time"

	"example.com/mailcall/internal/clock"
)

// userContext is the context of code that blocks. Its end is passed on to contexts
// that are derived from it, in the order in which they were derived.
type userContext struct {
	sim      *sim
	deadline clock.Instant // 0: none
	done     chan struct{}
	err      error
	after    []func()
}

var _ context.Context = (*userContext)(nil)

// newContext returns a context with a deadline after d, 0 for none.
func (s *sim) newContext(d time.Duration) *userContext {
	c := &userContext{sim: s, done: make(chan struct{})}
	if d > 0 {
		c.deadline = s.clock.now.Add(d)
		s.clock.after(d, func() { c.end(context.DeadlineExceeded) })
	}
	return c
}

func (c *userContext) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	close(c.done)
	for _, f := range c.after {
		if f != nil {
			f()
		}
	}
	c.after = nil
}

// AfterFunc is what package context uses instead of a goroutine.
func (c *userContext) AfterFunc(f func()) (stop func() bool) {
	if c.err != nil {
		f()
		return func() bool { return false }
	}
	i := len(c.after)
	c.after = append(c.after, f)
	return func() bool {
		if i >= len(c.after) || c.after[i] == nil {
			return false
		}
		c.after[i] = nil
		return true
	}
}

// Deadline implements context.Context.
func (c *userContext) Deadline() (time.Time, bool) {
	if c.deadline == 0 {
		return time.Time{}, false
	}
	return c.sim.clock.Time(c.deadline), true
}

// Done implements context.Context.
func (c *userContext) Done() <-chan struct{} { return c.done }

// Err implements context.Context.
func (c *userContext) Err() error { return c.err }

// Value implements context.Context.
func (*userContext) Value(any) any { return nil }

// callContext is the caller's context, in virtual time.
type callContext call

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) {
	if c.spec.Deadline <= 0 {
		return time.Time{}, false
	}
	return c.sim.clock.Time(c.deadline), true
}

// Done implements context.Context. Nothing waits for it in a simulation.
func (*callContext) Done() <-chan struct{} { return nil }

// Err implements context.Context.
func (c *callContext) Err() error {
	switch {
	case c.gone:
		return context.Canceled
	case c.spec.Deadline > 0 && c.sim.clock.now >= c.deadline:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context.
func (*callContext) Value(any) any { return nil }
