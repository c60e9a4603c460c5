// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"fmt"
	"slices"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/lifo"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/transport"
)

// Pool is what a keeper publishes: the idle and the shared connections of one
// address. Taking an idle one is a lease: the taker owns it until it returns it
// with [Pool.Put], or tells the keeper [Released] or [Dropped]. Everything else
// about connections is decided by the keeper. A Pool is safe for concurrent
// use, and no method blocks.
type Pool struct {
	// Address is what the keeper dials, Transport the name of the transport
	// that dials it.
	Address, Transport string
	// Keeper owns the pool.
	Keeper Ref[KeeperMessage]
	// Stats are published by the keeper for inspection.
	Stats PoolStats

	size    atomic.Int64 // the most idle connections that are kept
	waiting atomic.Int64 // callers that wait for a connection at the keeper
	retired atomic.Bool
	gone    atomic.Bool // the keeper answers no further Acquire

	shared atomic.Pointer[[]*Conn]
	dial   atomic.Pointer[string] // what the dial that reported last is doing

	_    line
	idle lifo.Stack[Conn]
	_    line
}

// PoolStats are a pool's numbers. Only the keeper writes them, except Closing.
type PoolStats struct {
	// Open connections, running dials and waiting callers, now. Max is the
	// bound on Open and Dialing together.
	Open, Dialing, Waiters, Max atomic.Int64
	// Leaving counts those open shared connections that take no new exchanges.
	// Closing counts connections whose Close is running; the goroutine that
	// runs it decrements it.
	Leaving, Closing atomic.Int64
	// Dialled, DialFailures and Discarded are totals since the pool was made.
	Dialled, DialFailures, Discarded atomic.Int64
}

// Forget removes a connection that is being closed. Only the keeper may call
// it.
func (p *Pool) Forget(c *Conn) {
	if c.Shared == nil {
		p.idle.Remove(c.slot)
	}
}

// SetDialStep records what a dial is doing, in words that can follow "while".
func (p *Pool) SetDialStep(doing string) { p.dial.Store(&doing) }

// DialStep returns what a dial is doing, "" if none is running or it does not say.
func (p *Pool) DialStep() string {
	if doing := p.dial.Load(); doing != nil && p.Stats.Dialing.Load() > 0 {
		return *doing
	}
	return ""
}

// Take returns a shared connection, else the most recently used idle one, else
// nil. It drops idle connections that have expired or that the peer has closed.
func (p *Pool) Take(now clock.Instant) *Conn { return p.take(now, false) }

// TakeUnseen is Take for a caller that will make a round trip, which checks the
// connection itself: see [transport.RoundTripper].
func (p *Pool) TakeUnseen(now clock.Instant) *Conn { return p.take(now, true) }

func (p *Pool) take(now clock.Instant, unseen bool) *Conn {
	if c := p.ReadyShared(); c != nil {
		return c
	}
	for {
		c := p.idle.Pop()
		if c == nil {
			return nil
		}
		// It may have been returned since now, when the turn began.
		idle := max(now.Sub(clock.Instant(c.since.Swap(0))), 1)
		if (c.Expires == 0 || now < c.Expires) && (unseen && c.RoundTripper != nil || c.Ready(idle)) {
			return c
		}
		p.Keeper.Tell(Dropped{Conn: c})
	}
}

// TakeOrWait is Take for the keeper. If it returns nil, it has counted one more
// waiting caller, so that the next Put goes to the keeper.
func (p *Pool) TakeOrWait(now clock.Instant) *Conn {
	p.waiting.Add(1)
	c := p.Take(now)
	if c != nil {
		p.waiting.Add(-1)
	}
	return c
}

// Wait counts one more caller that waits at the keeper.
func (p *Pool) Wait() { p.waiting.Add(1) }

// WaitOver takes n callers off the count of those that wait.
func (p *Pool) WaitOver(n int) { p.waiting.Add(int64(-n)) }

// Put returns a leased connection that may be used for another exchange. If the
// result is not nil, the caller must tell the keeper [Released] with it; it may
// be another connection than c.
func (p *Pool) Put(c *Conn, now clock.Instant) (back *Conn) {
	if p.retired.Load() || p.waiting.Load() > 0 || int64(p.idle.Len()) >= p.size.Load() {
		return c
	}
	p.shelve(c, now)
	// A caller may have begun to wait, or the pool may have been retired,
	// between the check and the push. Then either this side or the other one
	// sees both steps and takes the connection off the stack again.
	if p.waiting.Load() > 0 || p.retired.Load() {
		if back = p.idle.Pop(); back != nil {
			back.since.Store(0)
		}
	}
	return back
}

// Keep is Put for the keeper, which has found that no waiting caller needs the
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
			return // as if it were stored under another key, where no Take looks
		}
	}
	c.since.Store(int64(now))
	p.idle.Push(c.slot)
}

// Resize sets how many idle connections are kept, and removes and returns the
// surplus, least recently used ones first to go.
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

// Reap removes and returns the idle connections that were last used before
// since or have expired by now.
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

// Retire makes the pool refuse every Put, and removes and returns all idle
// connections.
func (p *Pool) Retire() []*Conn {
	p.retired.Store(true)
	return p.drain()
}

// Vanish marks the pool as gone: its keeper is about to stop, after it has
// answered what is in its mailbox. Only the keeper may call it.
func (p *Pool) Vanish() { p.gone.Store(true) }

// Gone reports whether the keeper has stopped or is about to. If it is true
// after an [Acquire] was sent, that one may never be answered.
func (p *Pool) Gone() bool { return p.gone.Load() }

// Removed returns the error for callers that wait for a connection of a retired
// pool.
func (p *Pool) Removed() error { return fmt.Errorf("pool of %s: the node was removed", p.Address) }

// drain removes and returns all idle connections, most recently used first.
func (p *Pool) drain() (all []*Conn) {
	for c := p.idle.Pop(); c != nil; c = p.idle.Pop() {
		all = append(all, c)
	}
	return all
}

// refill puts back connections that drain has returned, in their order. It runs
// in a turn of the keeper, so no caller can begin to wait meanwhile.
func (p *Pool) refill(newestFirst []*Conn) {
	for _, c := range slices.Backward(newestFirst) {
		p.idle.Push(c.slot)
	}
}

// Idle returns how many connections are idle, and since when the one that has
// been idle longest (0 if none is).
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
