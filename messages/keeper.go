// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
)

// KeeperMessage is everything a pool keeper understands.
//
//sumtype:decl
type KeeperMessage interface{ keeperMessage() }

type (
	// Acquire asks for a connection. The keeper tells ReplyTo exactly one
	// [Leased], unless a [Withdraw] with the same ticket comes first, or the
	// Deadline (0: none) passes: whoever asked has a timer of its own. Whoever
	// finds the pool gone after it has asked may wait in vain, see [Pool.Gone].
	Acquire struct {
		Ticket   Ticket
		Attempt  int // its number in the call
		Deadline clock.Instant
		ReplyTo  Ref[AttemptMessage]
		// Full, if not nil, is the shared connection that took no more.
		Full *Conn
		// Fresh asks for a connection that nobody has used: it is lent to a
		// stream for good. Where connections are shared it means nothing.
		Fresh bool
	}
	// Withdraw takes an Acquire back. No reply; a [Leased] may cross it, and
	// then the late connection is given back by whoever gets it.
	Withdraw struct {
		Ticket  Ticket
		Attempt int
		ReplyTo Ref[AttemptMessage]
	}
	// Released gives back a connection that is good for another exchange.
	Released struct{ Conn *Conn }
	// Dropped gives back a connection that must not be used again: one that
	// was lent, or that was found dead or too old on the way out. Of a shared
	// one many may say so.
	Dropped struct{ Conn *Conn }
	// Dialled reports the end of the keeper's dial number ID.
	Dialled struct {
		ID   int
		Conn transport.Conn
		Err  error
	}
	// Tend reminds the keeper to look after idle and old connections.
	Tend struct{}
	// Retire closes the pool: idle connections at once, lent ones when they
	// come back, waiting callers get an error. Then the keeper stops and
	// tells the root [Retired].
	Retire struct{}
	// Farewell is what the keeper tells itself before it stops: what came
	// before it has been answered.
	Farewell struct{}
	// Retune replaces the keeper's limits, for a client that was given new
	// options.
	Retune struct{ Limits PoolLimits }
)

func (Acquire) keeperMessage()  {}
func (Withdraw) keeperMessage() {}
func (Released) keeperMessage() {}
func (Dropped) keeperMessage()  {}
func (Dialled) keeperMessage()  {}
func (Tend) keeperMessage()     {}
func (Retire) keeperMessage()   {}
func (Farewell) keeperMessage() {}
func (Retune) keeperMessage()   {}

// PoolLimits bound one pool.
type PoolLimits struct {
	// Size is how many idle connections are kept. 0 keeps none.
	Size int
	// Max is how many connections may be open or dialling at once.
	Max int
	// Waiters is how many callers may wait for a connection, besides those
	// for whom Max lets one be opened.
	Waiters int
	// TTL is how old a connection may get, give or take 20 %. 0 is no limit.
	TTL time.Duration
	// IdleTimeout is how long a connection may be idle. 0 is no limit.
	IdleTimeout time.Duration
	// DialTimeout bounds one dial.
	DialTimeout time.Duration
}
