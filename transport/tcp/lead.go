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
	// loneStreak is after how many messages in quick succession, each alone on
	// its connection, whoever waits for the next one may lead.
	loneStreak = 4
	// leadTick is how often somebody looks after a connection that is led: it is
	// read again at the second look that finds nobody there, and who still leads
	// at the second look waits elsewhere from then on.
	leadTick = time.Millisecond
	// lookAfter is for how long nobody may have read before it is looked whether
	// the peer has closed the connection meanwhile.
	lookAfter = 200 * time.Microsecond
)

// leadership is who reads a connection: its listener, a goroutine that does
// nothing else, or a leader, one of those that wait for a reply (the pattern is
// known as leader/followers). A listener has to wake whoever it has something
// for, and the scheduler wakes an idle processor with it; so the listener rests
// while messages come one at a time. The line's lock guards all of it.
type leadership struct {
	resting bool        // the listener waits for resume
	mayLead atomic.Bool // the same, for who does not hold the lock
	leader  uint64      // who leads or has said that it will; 0: nobody
	number  uint64      // of the last leader
	reading bool        // a leader is at it
	nudged  bool        // its deadline was moved so that it looks up
	readErr error       // with which the last leader has ended
	resume  chan struct{}

	lone  int           // messages in quick succession that came alone; only who reads touches it
	alone *flow         // whose that was last; nil: no stream's
	heard clock.Instant // when something came last

	tick      clock.Timer
	seen      uint64        // the leader at the last tick
	seenHeard clock.Instant // heard at the last tick
}

var _ transport.Led = (*conn)(nil)

// BeginLead implements [transport.Led].
func (c *conn) BeginLead(m *transport.Message, r transport.Receiver, token uint64) (id, lead uint64, err error) {
	return c.begin(m, r, token, true)
}

// appoint makes who begins an exchange the leader, if it wants to be and nobody
// reads. It is called with the lock held.
func (c *conn) appoint(wants bool) uint64 {
	switch {
	case !c.resting || c.leader != 0:
		return 0
	case !wants || c.reading:
		c.recall()
		return 0
	}
	c.number++
	c.leader = c.number
	return c.leader
}

// stale reports whether the peer has closed the connection while the listener
// rested and nobody led. It is called with the lock held.
func (c *conn) stale() bool {
	if !c.resting || c.leader != 0 || c.reading || c.clock.Now().Sub(c.heard) <= lookAfter || c.fast.Peek() != fast.End {
		return false
	}
	c.gone.Store(true)
	c.recall() // it finds out why
	return true
}

// awaitOn waits until a stream may have something to receive.
func (c *conn) awaitOn(f *flow) {
	if c.mayLead.Load() {
		c.mu.Lock()
		lead := c.appoint(true)
		c.mu.Unlock()
		if lead != 0 && c.lead(lead, f.readable, &f.st) {
			return
		}
	}
	<-f.readable // the end of the context is a signal as well
}

// Lead implements [transport.Led].
func (c *conn) Lead(lead uint64, wake <-chan struct{}) (woken bool) { return c.lead(lead, wake, nil) }

// lead is Lead, for the reader of a stream if that is not nil.
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
		own = 1 // and it will be back
	}
	if c.readErr = err; err != nil || c.core.Running() > own {
		c.recall()
	}
	c.mu.Unlock()
	return woken
}

// Nudge implements [transport.Led].
func (c *conn) Nudge() {
	c.mu.Lock()
	c.nudge()
	c.mu.Unlock()
}

// nudge is called with the lock held. Who reads finds its deadline passed.
func (c *conn) nudge() {
	if c.reading && !c.nudged {
		c.nudged = true
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // of a socket that is closed nobody reads
	}
}

// errRelieved ends a leader that is to wait elsewhere.
var errRelieved = errors.New("another reads from now on")

// turn reads once, and deals with what has come.
func (c *conn) turn() error {
	err := c.once(&c.watch, c.take)
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	if !c.nudged {
		c.mu.Unlock()
		return c.watch.rang()
	}
	c.nudged = false
	err = c.watch.arm()
	if c.leader == 0 {
		err = errRelieved
	}
	c.mu.Unlock()
	return err
}

// rest has the listener wait while messages come one at a time. It returns why
// reading has ended, nil if it has not.
func (c *conn) rest() error {
	c.mu.Lock()
	if c.lone < loneStreak || c.gone.Load() || !c.restful() {
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

// restful reports whether nobody waits for what the listener would read. Who has
// not yet received what came last for a stream will look who reads then. It is
// called with the lock held.
func (c *conn) restful() bool {
	if f := c.alone; f != nil {
		return c.core.Running() == 1 && f.next < len(f.queue)
	}
	return c.core.Running() == 0
}

// count notes what came at now, and whether it came alone. It is called with the
// lock held.
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

// recall has the listener read again. It is called with the lock held.
func (c *conn) recall() {
	if c.resting && !c.reading {
		c.resting, c.leader = false, 0
		c.mayLead.Store(false)
		c.resume <- struct{}{} // it has room: the listener waits, and is told once
	}
}

// look is what happens at each tick while the listener rests.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.resting:
		return
	case !c.reading && (c.leader == 0 && c.heard == c.seenHeard || c.leader != 0 && c.leader == c.seen):
		c.recall()
		return
	case c.leader != 0 && c.leader == c.seen:
		c.leader = 0 // its call takes long, and may be given up meanwhile
		c.nudge()
	}
	c.seen, c.seenHeard = c.leader, c.heard
	c.tick.Reset(c.clock.Now().Add(leadTick))
}
