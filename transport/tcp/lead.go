// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
	"example.com/mailcall/transport/tcp/internal/session"
)

const (
	// loneStreak is the number of messages in quick succession, each alone on its
	// connection, after which the caller that waits for the next one may lead.
	loneStreak = 4
	// leadTick is the interval at which a connection with a resting listener is
	// checked. The listener resumes at the second check in a row without a leader or a
	// message; a leader that is still the same at the second check is relieved.
	leadTick = time.Millisecond
	// lookAfter is the time without a reader after which the next exchange first
	// checks whether the peer has closed the connection.
	lookAfter = 200 * time.Microsecond
)

// leadership determines which goroutine reads a connection (the leader/followers
// pattern). It is either the listener, a goroutine that does nothing else, or the
// leader, one of the goroutines that wait for a reply. A listener must wake the
// goroutine that a message is for, and with it the scheduler wakes an idle processor;
// so the listener rests while messages arrive one at a time. The line's lock guards all
// fields.
type leadership struct {
	resting bool        // the listener waits for resume
	mayLead atomic.Bool // the same, for reading without the lock
	leader  uint64      // the number of the current or appointed leader; 0: none
	number  uint64      // the number of the last leader
	reading bool        // a leader is in Lead
	nudged  bool        // the read deadline was set to wake the leader
	readErr error       // the error with which the last leader has ended
	resume  chan struct{}

	lone  int           // successive lone messages; used only by the goroutine that reads
	alone *flow         // the stream of the last lone message; nil: it was a reply
	heard clock.Instant // when something was received last

	tick      clock.Timer
	seen      uint64        // the leader at the last tick
	seenHeard clock.Instant // heard at the last tick
}

var _ transport.Led = (*conn)(nil)

// BeginLead implements [transport.Led].
func (c *conn) BeginLead(m *transport.Message, r transport.Receiver, token uint64) (id, lead uint64, err error) {
	return c.begin(m, r, token, true)
}

// appoint makes the caller that begins an exchange the leader, and returns its number,
// if the caller wants to lead and no goroutine reads. Otherwise it returns 0. It is
// called with the lock held.
func (c *conn) appoint(wants bool) uint64 {
	switch {
	case !c.resting || c.leader != 0:
		return 0
	case !wants || c.reading:
		c.resumeListener()
		return 0
	}
	c.number++
	c.leader = c.number
	return c.leader
}

// stale reports whether the peer has closed the connection while the listener rested
// and there was no leader. It is called with the lock held.
func (c *conn) stale() bool {
	if !c.resting || c.leader != 0 || c.reading || c.clock.Now().Sub(c.heard) <= lookAfter || c.fast.Peek() != fast.End {
		return false
	}
	c.gone.Store(true)
	c.resumeListener() // the listener gets the error
	return true
}

// await implements side.
func (c *conn) await(f *flow) {
	if c.mayLead.Load() {
		c.mu.Lock()
		lead := c.appoint(true)
		c.mu.Unlock()
		if lead != 0 && c.lead(lead, f.readable, &f.st) {
			return
		}
	}
	<-f.readable
}

// Lead implements [transport.Led].
func (c *conn) Lead(lead uint64, wake <-chan struct{}) (woken bool) { return c.lead(lead, wake, nil) }

// lead is Lead for an exchange, or for the receiver of the stream of if that is not nil.
func (c *conn) lead(lead uint64, wake <-chan struct{}, of *session.Stream) (woken bool) {
	c.mu.Lock()
	if c.leader != lead {
		c.mu.Unlock()
		return false
	}
	c.reading = true
	c.mu.Unlock()
	var err error
	for !woken && err == nil {
		select {
		case <-wake:
			woken = true
		default:
			err = c.turn()
		}
	}
	c.mu.Lock()
	c.reading = false
	if c.leader == lead {
		c.leader = 0
	}
	if c.nudged {
		c.nudged = false
		err = errors.Join(err, c.watch.arm())
	}
	if errors.Is(err, errRelieved) {
		err = nil
	}
	own := 0
	if of != nil && !of.Over() {
		own = 1 // the stream itself; its receiver will lead again
	}
	if c.readErr = err; err != nil || c.core.Running() > own {
		c.resumeListener()
	}
	c.mu.Unlock()
	return woken
}

// Nudge implements [transport.Led].
func (c *conn) Nudge() {
	c.mu.Lock()
	c.wake()
	c.mu.Unlock()
}

// wake implements side: it wakes the leader by a read deadline that has passed.
func (c *conn) wake() {
	if c.reading && !c.nudged {
		c.nudged = true
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed socket, where no read blocks
	}
}

// errRelieved ends the reading of a leader that must wait in its own way from now on.
var errRelieved = errors.New("the leader was relieved")

// turn reads once, and handles what was received.
func (c *conn) turn() error {
	err := c.once(&c.watch, c.take)
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	if !c.nudged {
		c.mu.Unlock()
		return c.watch.deadlinePassed()
	}
	c.nudged = false
	err = c.watch.arm()
	if c.leader == 0 {
		err = errRelieved
	}
	c.mu.Unlock()
	return err
}

// pauseListener pauses the listener while messages arrive one at a time. It returns the
// error with which a leader's reading has ended, nil if it has not.
func (c *conn) pauseListener() error {
	c.mu.Lock()
	if c.lone < loneStreak || c.gone.Load() || !c.mayRest() {
		c.mu.Unlock()
		return nil
	}
	c.lone, c.resting = 0, true
	c.mayLead.Store(true)
	c.seen, c.seenHeard = 0, c.heard
	c.tick.Reset(c.clock.Now().Add(leadTick))
	c.mu.Unlock()
	<-c.resume
	return c.readErr
}

// mayRest reports whether the listener may rest, since no goroutine waits for what it
// would read. The receiver of a stream that has not yet received the last message
// will ask to lead when it waits for the next one. It is called with the lock held.
func (c *conn) mayRest() bool {
	if f := c.alone; f != nil {
		return c.core.Running() == 1 && f.next < len(f.queue)
	}
	return c.core.Running() == 0
}

// count records that something was received at now, and whether it was a lone message.
// It is called with the lock held.
func (c *conn) count(now clock.Instant) {
	c.alone = c.batch.item
	if n := c.batch.items; len(c.batch.deliveries)+n == 1 && c.core.Running() == n && now.Sub(c.heard) < leadTick {
		c.lone++
	} else {
		c.lone = 0
	}
	c.batch.item, c.batch.items = nil, 0
	c.heard = now
}

// resumeListener makes the resting listener read again, unless a leader is reading. It is
// called with the lock held.
func (c *conn) resumeListener() {
	if c.resting && !c.reading {
		c.resting, c.leader = false, 0
		c.mayLead.Store(false)
		c.resume <- struct{}{} // does not block: one value is sent for each rest
	}
}

// checkLeader is called at each tick while the listener rests.
func (c *conn) checkLeader() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.resting:
		return
	case !c.reading && (c.leader == 0 && c.heard == c.seenHeard || c.leader != 0 && c.leader == c.seen):
		c.resumeListener()
		return
	case c.leader != 0 && c.leader == c.seen:
		c.leader = 0 // its call takes long, and might be cancelled meanwhile
		c.wake()
	}
	c.seen, c.seenHeard = c.leader, c.heard
	c.tick.Reset(c.clock.Now().Add(leadTick))
}
