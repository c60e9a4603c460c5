// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// Pool is what a keeper publishes: the idle connections of one address.
// Taking one hands its ownership to the taker, who gives it back with [Pool.Put],
// or tells the keeper [Released] or [Dropped]. Nothing else about connections
// is decided outside the keeper.
type Pool struct {
	// Address is what the keeper dials, Transport the name of what dials it.
	Address, Transport string
	// Keeper owns the pool.
	Keeper Ref[KeeperMessage]
	// Stats are published by the keeper for inspection.
	Stats PoolStats

	mu      sync.Mutex
	idle    []*Conn // newest last
	size    int     // how many idle connections are kept
	waiting int     // callers that wait at the keeper
	retired bool
}

// PoolStats are the keeper's numbers, written by it alone.
type PoolStats struct {
	Open, Dialing, Waiters, Max      atomic.Int64
	Dialled, DialFailures, Discarded atomic.Int64
}

// Conn is an open connection of a pool. Its fields belong to whoever holds it.
type Conn struct {
	transport.Conn
	// Exclusive and Async are the optional faces of Conn, nil if it lacks them.
	Exclusive transport.Exclusive
	Async     transport.Async
	// Pool is where the connection belongs.
	Pool *Pool
	// Dialled, Expires and Used are when it was opened, when it gets too old
	// (0: never), and when it last finished an exchange.
	Dialled, Expires, Used clock.Instant
}

// NewConn wraps a connection that was just dialled.
func NewConn(c transport.Conn, p *Pool, now, expires clock.Instant) *Conn {
	conn := &Conn{Conn: c, Pool: p, Dialled: now, Expires: expires, Used: now}
	conn.Exclusive, _ = c.(transport.Exclusive)
	conn.Async, _ = c.(transport.Async)
	return conn
}

// Ready reports whether the connection may carry another exchange.
func (c *Conn) Ready(idle time.Duration) bool {
	switch {
	case c.Exclusive != nil:
		return c.Exclusive.Ready(idle)
	case c.Async != nil:
		return c.Async.Ready(idle)
	default:
		return true
	}
}

// Take returns the idle connection that was used last, or nil. Connections
// that got too old, or that the peer closed, are dropped on the way.
func (p *Pool) Take(now clock.Instant) *Conn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if c.fresh(now) {
			return c
		}
		p.Keeper.Tell(Dropped{Conn: c, Idle: true})
	}
}

func (c *Conn) fresh(now clock.Instant) bool {
	return (c.Expires == 0 || now < c.Expires) && c.Ready(now.Sub(c.Used))
}

// TakeOrWait is Take for the keeper: without an idle connection it notes that
// one more caller waits, so that the next Put goes to the keeper.
func (p *Pool) TakeOrWait(now clock.Instant) *Conn {
	for {
		if c := p.Take(now); c != nil {
			return c
		}
		p.mu.Lock()
		if len(p.idle) == 0 {
			p.waiting++
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
	}
}

// WaitOver tells the pool that n callers wait no longer.
func (p *Pool) WaitOver(n int) {
	p.mu.Lock()
	p.waiting -= n
	p.mu.Unlock()
}

// Put gives a connection back that is good for another exchange. False means
// that the keeper must decide: the caller tells it [Released].
func (p *Pool) Put(c *Conn, now clock.Instant) bool {
	c.Used = now
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting > 0 || p.retired || len(p.idle) >= p.size {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// Resize sets how many idle connections are kept and returns the surplus,
// oldest first.
func (p *Pool) Resize(size int) []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = size
	surplus := len(p.idle) - size
	if surplus <= 0 {
		return nil
	}
	return p.cut(surplus)
}

// Reap removes the idle connections that were last used before since or
// expire by now.
func (p *Pool) Reap(now, since clock.Instant) []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gone []*Conn
	kept := p.idle[:0]
	for _, c := range p.idle {
		if c.Used < since || c.Expires != 0 && c.Expires <= now {
			gone = append(gone, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	return gone
}

// Retire makes the pool refuse every Put and returns all idle connections.
func (p *Pool) Retire() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	return p.cut(len(p.idle))
}

func (p *Pool) cut(n int) []*Conn {
	gone := append([]*Conn(nil), p.idle[:n]...)
	rest := copy(p.idle, p.idle[n:])
	clear(p.idle[rest:])
	p.idle = p.idle[:rest]
	return gone
}

// Idle returns how many connections are idle and since when the oldest has
// been (0 if none is).
func (p *Pool) Idle() (n int, oldest clock.Instant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		if oldest == 0 || c.Used < oldest {
			oldest = c.Used
		}
	}
	return len(p.idle), oldest
}
