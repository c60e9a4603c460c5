// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/lifo"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Pool is what a keeper publishes: the idle connections of one address.
// Taking one hands its ownership to the taker, who gives it back with
// [Pool.Put], or tells the keeper [Released] or [Dropped]. Nothing else about
// connections is decided outside the keeper. Take and Put wait for nobody.
type Pool struct {
	// Address is what the keeper dials, Transport the name of what dials it.
	Address, Transport string
	// Keeper owns the pool.
	Keeper Ref[KeeperMessage]
	// Stats are published by the keeper for inspection.
	Stats PoolStats

	size    atomic.Int64 // how many idle connections are kept
	waiting atomic.Int64 // callers that wait at the keeper
	retired atomic.Bool
	gone    atomic.Bool // its keeper answers no Acquire that is told from now on

	shared atomic.Pointer[[]*Conn]
	dial   atomic.Pointer[string] // what the dial that moved last is at

	_    line
	idle lifo.Stack[Conn]
	_    line
}

// PoolStats are the keeper's numbers, written by it alone.
type PoolStats struct {
	// Open, Dialing and Waiters are what there is now, Max the bound on the
	// first two together.
	Open, Dialing, Waiters, Max atomic.Int64
	// Leaving are shared ones that take nothing new, among Open. Closing are
	// those whose Close runs; whoever runs it counts it down.
	Leaving, Closing atomic.Int64
	// Dialled, DialFailures and Discarded count since the pool was made.
	Dialled, DialFailures, Discarded atomic.Int64
}

// Conn is an open connection of a pool. It belongs to whoever holds it.
type Conn struct {
	transport.Conn
	// The optional faces of Conn, nil if it lacks them.
	Exclusive    transport.Exclusive
	RoundTripper transport.RoundTripper
	Async        transport.Async
	Led          transport.Led
	Parallel     transport.Parallel
	Shared       transport.Shared
	Streamer     transport.Streamer
	// Pool is where the connection belongs.
	Pool *Pool
	// Dialled and Expires are when it was opened and when it gets too old
	// (0: never).
	Dialled, Expires clock.Instant

	// Quiet and QuietAt are for the keeper of a shared connection: how many
	// exchanges had begun when it last saw none, and since when it has.
	Quiet   uint64
	QuietAt clock.Instant

	slot  uint32
	since atomic.Int64 // when it was put back, an Instant; 0: it is lent
}

// NewConn adds a connection to its pool that was just dialled. It is lent to
// the caller.
func NewConn(c transport.Conn, p *Pool, now, expires clock.Instant) *Conn {
	conn := &Conn{Conn: c, Pool: p, Dialled: now, Expires: expires}
	conn.faces(c)
	if conn.Shared == nil {
		conn.slot = p.idle.Add(conn)
	}
	return conn
}

// Forget removes a connection that is being closed. For the keeper only.
func (p *Pool) Forget(c *Conn) {
	if c.Shared == nil {
		p.idle.Remove(c.slot)
	}
}

// Ready reports whether the connection may carry another exchange. One whose
// transport panics over the question may not.
func (c *Conn) Ready(idle time.Duration) (ready bool) {
	defer func() {
		if recover() != nil {
			ready = false
		}
	}()
	switch {
	case c.Shared != nil:
		return c.Shared.Ready(idle)
	case c.Exclusive != nil:
		return c.Exclusive.Ready(idle)
	case c.Async != nil:
		return c.Async.Ready(idle)
	default:
		return true
	}
}

// Close closes the connection. A panic of its transport is an error: it has
// nobody else to fail.
func (c *Conn) Close() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: transport: close: %v", rpcerr.ErrPanic, p)
		}
	}()
	return c.Conn.Close()
}

// Interrupt ends what is under way on an exclusive connection. One whose
// transport panics over that is closed, which ends it too.
func (c *Conn) Interrupt() {
	defer func() {
		if recover() != nil {
			_ = c.Close() // whoever uses it is told
		}
	}()
	c.Exclusive.Interrupt()
}

// Cancel ends an exchange that was begun. A transport that panics over that
// finds nobody waiting for the reply, if it comes.
func (c *Conn) Cancel(exchange uint64) {
	defer func() { _ = recover() }()
	c.Async.Cancel(exchange)
}

// Nudge has who leads the connection look up. A transport that panics over that
// is left alone.
func (c *Conn) Nudge() {
	defer func() { _ = recover() }()
	c.Led.Nudge()
}

// Dials notes what a dial is at, in words that can follow "while".
func (p *Pool) Dials(doing string) { p.dial.Store(&doing) }

// Dialing returns what a dial is at, "" if none is under way or it does not say.
func (p *Pool) Dialing() string {
	if doing := p.dial.Load(); doing != nil && p.Stats.Dialing.Load() > 0 {
		return *doing
	}
	return ""
}

// Take returns a shared connection, else the idle one that was used last, or
// nil. Idle connections that got too old, or that the peer closed, are dropped
// on the way.
func (p *Pool) Take(now clock.Instant) *Conn { return p.take(now, false) }

// TakeUnseen is Take for who will make a round trip, which looks at the
// connection by itself: see [transport.RoundTripper].
func (p *Pool) TakeUnseen(now clock.Instant) *Conn { return p.take(now, true) }

func (p *Pool) take(now clock.Instant, unseen bool) *Conn {
	if c := p.Common(); c != nil {
		return c
	}
	for {
		c := p.idle.Pop()
		if c == nil {
			return nil
		}
		idle := now.Sub(clock.Instant(c.since.Swap(0)))
		if (c.Expires == 0 || now < c.Expires) && (unseen && c.RoundTripper != nil || c.Ready(idle)) {
			return c
		}
		p.Keeper.Tell(Dropped{Conn: c})
	}
}

// TakeOrWait is Take for the keeper: without an idle connection it notes that
// one more caller waits, so that the next one that is put goes to the keeper.
func (p *Pool) TakeOrWait(now clock.Instant) *Conn {
	p.waiting.Add(1)
	c := p.Take(now)
	if c != nil {
		p.waiting.Add(-1)
	}
	return c
}

// Wait notes that one more caller waits at the keeper.
func (p *Pool) Wait() { p.waiting.Add(1) }

// WaitOver tells the pool that n callers wait no longer.
func (p *Pool) WaitOver(n int) { p.waiting.Add(int64(-n)) }

// Put gives a connection back that is good for another exchange. What it
// returns, if anything, is for the keeper to decide about: the caller tells it
// [Released] with that connection, which may be another one.
func (p *Pool) Put(c *Conn, now clock.Instant) (back *Conn) {
	if p.retired.Load() || p.waiting.Load() > 0 || int64(p.idle.Len()) >= p.size.Load() {
		return c
	}
	p.shelve(c, now)
	// Somebody may have begun to wait, or the pool may have been retired,
	// between the look and the push; whoever was first to see the other's
	// step puts it right.
	if p.waiting.Load() > 0 || p.retired.Load() {
		if back = p.idle.Pop(); back != nil {
			back.since.Store(0)
		}
	}
	return back
}

// Keep is Put for the keeper, which knows that nobody who waits wants the
// connection. It reports whether there was room for it.
func (p *Pool) Keep(c *Conn, now clock.Instant) bool {
	if p.retired.Load() || int64(p.idle.Len()) >= p.size.Load() {
		return false
	}
	p.shelve(c, now)
	return true
}

func (p *Pool) shelve(c *Conn, now clock.Instant) {
	if planted.PoolKeyedByRemote {
		if peer, ok := c.Conn.(transport.Peer); ok && peer.RemoteAddress() != p.Address {
			return // it lies under another key now, where no Take looks
		}
	}
	c.since.Store(int64(now))
	p.idle.Push(c.slot)
}

// Resize sets how many idle connections are kept and returns the surplus,
// those that were used longest ago.
func (p *Pool) Resize(size int) []*Conn {
	p.size.Store(int64(size))
	if p.idle.Len() <= size {
		return nil
	}
	all := p.drain()
	keep := min(size, len(all))
	p.refill(all[:keep])
	return all[keep:]
}

// Reap removes the idle connections that were last used before since or
// expire by now, and returns them.
func (p *Pool) Reap(now, since clock.Instant) []*Conn {
	var gone, kept []*Conn
	for _, c := range p.drain() {
		if clock.Instant(c.since.Load()) < since || c.Expires != 0 && c.Expires <= now {
			c.since.Store(0)
			gone = append(gone, c)
		} else {
			kept = append(kept, c)
		}
	}
	p.refill(kept)
	return gone
}

// Retire makes the pool refuse every Put and returns all idle connections.
func (p *Pool) Retire() []*Conn {
	p.retired.Store(true)
	return p.drain()
}

// Vanish says that the keeper is about to stop. It still answers what it was
// told before; for the keeper only.
func (p *Pool) Vanish() { p.gone.Store(true) }

// Gone reports whether the keeper may have missed an [Acquire] that it was told
// before the question. Then it never lends again.
func (p *Pool) Gone() bool { return p.gone.Load() }

// Removed is the error of who waits for a connection of a retired pool.
func (p *Pool) Removed() error { return fmt.Errorf("pool of %s: the node was removed", p.Address) }

// drain takes all idle connections, newest first.
func (p *Pool) drain() (all []*Conn) {
	for c := p.idle.Pop(); c != nil; c = p.idle.Pop() {
		all = append(all, c)
	}
	return all
}

// refill puts connections back that came from drain, in their order. The
// keeper is in the middle of a turn then: nobody can begin to wait.
func (p *Pool) refill(newestFirst []*Conn) {
	for _, c := range slices.Backward(newestFirst) {
		p.idle.Push(c.slot)
	}
}

// Idle returns how many connections are idle and since when the oldest has
// been (0 if none is).
func (p *Pool) Idle() (n int, oldest clock.Instant) {
	p.idle.Each(func(c *Conn) {
		since := clock.Instant(c.since.Load())
		if since == 0 {
			return
		}
		n++
		if oldest == 0 || since < oldest {
			oldest = since
		}
	})
	return n, oldest
}
