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
	// Acquire asks for a connection. The keeper sends ReplyTo exactly one
	// [Leased], unless a [Withdraw] with the same ticket comes first or the
	// Deadline (0: none) passes; the attempt that asked has a timer of its own.
	// If the pool is gone after the Acquire was sent, there may be no answer;
	// see [Pool.Gone].
	Acquire struct {
		Ticket   Ticket
		Attempt  int // its number in the call
		Deadline clock.Instant
		ReplyTo  Ref[AttemptMessage]
		// Full, if not nil, is the shared connection that refused the exchange
		// because it had no room.
		Full *Conn
		// Fresh asks for a connection that has not been used, which a stream
		// keeps until it ends. It is ignored for shared connections.
		Fresh bool
	}
	// Withdraw cancels an Acquire. No reply. A [Leased] may already be on its
	// way; whoever receives it then returns the connection.
	Withdraw struct {
		Ticket  Ticket
		Attempt int
		ReplyTo Ref[AttemptMessage]
	}
	// Released returns a connection that may be used for another exchange.
	Released struct{ Conn *Conn }
	// Dropped returns a connection that must not be used again: a leased one
	// whose exchange failed, or an idle one that was found dead or too old. A
	// shared connection may be dropped by several callers.
	Dropped struct{ Conn *Conn }
	// Dialled reports the result of the keeper's dial number ID.
	Dialled struct {
		ID   int
		Conn transport.Conn
		Err  error
	}
	// Tend tells the keeper to close idle and expired connections that are due.
	Tend struct{}
	// Retire closes the pool: idle connections at once, leased ones when they
	// are returned; waiting callers get an error. Then the keeper stops and
	// tells the root [Retired].
	Retire struct{}
	// Farewell is the last message that the keeper handles, sent by itself:
	// everything that was in its mailbox before has been answered.
	Farewell struct{}
	// SetLeaving says whether all nodes at the address are leaving: then idle
	// connections are closed soon. No reply.
	SetLeaving struct{ Leaving bool }
	// SetLimits replaces the keeper's limits after Client.Init. No reply.
	SetLimits struct{ Limits PoolLimits }
)

func (Acquire) keeperMessage()    {}
func (Withdraw) keeperMessage()   {}
func (Released) keeperMessage()   {}
func (Dropped) keeperMessage()    {}
func (Dialled) keeperMessage()    {}
func (Tend) keeperMessage()       {}
func (Retire) keeperMessage()     {}
func (Farewell) keeperMessage()   {}
func (SetLeaving) keeperMessage() {}
func (SetLimits) keeperMessage()  {}

// PoolLimits are the bounds of one pool.
type PoolLimits struct {
	// Size is the most idle connections that are kept; 0 keeps none.
	Size int
	// Max is the most connections that are open or being dialled at once.
	Max int
	// Waiters is the most callers that wait for a connection, not counting
	// those for whom Max still allows a dial.
	Waiters int
	// TTL is the age at which a connection is replaced, plus or minus 20 %;
	// 0 is no limit.
	TTL time.Duration
	// IdleTimeout is how long a connection may stay idle; 0 is no limit.
	IdleTimeout time.Duration
	// DialTimeout bounds one dial.
	DialTimeout time.Duration
}
