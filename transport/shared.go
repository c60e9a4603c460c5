// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"time"
)

// Async is a [Conn] whose exchanges need no goroutine that blocks: one call begins
// an exchange, and a callback delivers its reply. Without [Shared] it carries one
// exchange at a time. Multiplexed connections are of this kind.
type Async interface {
	Conn
	// Begin sends m and returns; it may be called by many goroutines at once.
	// The reply, or the error that took its place, is delivered to r with
	// token exactly once, perhaps before Begin has returned, unless Begin
	// returned an error or [Async.Cancel] came first. Begin keeps no reference
	// to m. It returns an id for Cancel. An error that matches [ErrNotSent]
	// says that the peer cannot have seen any byte of m, one that matches
	// [ErrFull] that a [Shared] connection carries all the exchanges that it
	// may.
	Begin(m *Message, r Receiver, token uint64) (id uint64, err error)
	// Cancel cancels an exchange: the peer is told if the protocol can, and a reply
	// that still arrives is dropped. It does not block. A reply that is being
	// delivered at the same time may still arrive. The id of an exchange that has
	// ended is ignored.
	Cancel(id uint64)
	// Ready is as in [Exclusive].
	Ready(idle time.Duration) bool
}

// Led is an [Async] connection that one of the waiting callers may read, for all of
// them (leader/followers): the leader reads its own reply and need not be woken by
// another goroutine.
type Led interface {
	Async
	// BeginLead is Begin for a caller that will call Lead right afterwards. lead is 0
	// if another goroutine reads already; then Lead must not be called.
	BeginLead(m *Message, r Receiver, token uint64) (id, lead uint64, err error)
	// Lead reads on the calling goroutine, and delivers what arrives, until it can
	// receive from wake. It reports whether it has received; if not, another
	// goroutine reads now, and the caller must wait for wake itself. That is the case
	// after a few milliseconds at the latest.
	Lead(lead uint64, wake <-chan struct{}) (woken bool)
	// Nudge makes the leader check its wake now. It does not block.
	Nudge()
}

// Receiver takes the replies of an [Async] connection.
type Receiver interface {
	// Deliver passes the reply to the exchange that was begun with token, or the
	// error that ended it. If loan is nil, m is valid only during the call; otherwise
	// until the receiver returns the loan, which it does exactly once. Deliver does
	// not block.
	Deliver(token uint64, m *Message, loan Loan, err error)
}

// Loan is memory of a connection that a receiver may read until it returns it.
type Loan interface {
	// Return ends the loan. It may be called by any goroutine.
	Return()
}

// Shared is a [Conn] that many exchanges and streams use at once. It also implements
// [Async] or [Parallel], and usually [Streamer]. mailcall keeps few of them for each
// address, and many callers use each. Send and Recv run one exchange at a time, for
// callers that use only [Conn].
type Shared interface {
	Conn
	// Ready reports whether the connection accepts new exchanges: it is alive, and the
	// peer has not said that it will close it. It is called before each exchange, must
	// not block, and should cost no more than an atomic load. The idle time is not
	// known and is 0.
	Ready(idle time.Duration) bool
	// Load returns how many exchanges and streams run now, and how many have begun
	// since the connection was made. A connection that is not Ready is closed once it
	// carries none.
	Load() (running int, begun uint64)
}

// Parallel is a [Shared] connection whose exchanges each run on the goroutine
// that waits for it.
type Parallel interface {
	Shared
	// Exchange sends request and fills reply, whose header and body belong to
	// the caller then, unless reply has a [Message.Loan]. It returns when ctx
	// is done, with ctx.Err() among its causes, and soon after deadline (zero:
	// none) with an error that matches os.ErrDeadlineExceeded. An error made by
	// [NotSent] proves that the peer saw nothing, one made by [Answered] that
	// it was the peer's own answer; reply may have a header and a trailer in
	// spite of that one.
	Exchange(ctx context.Context, deadline time.Time, request, reply *Message) error
}

// Multiplexer is implemented by a [Transport] whose connections are usually [Shared].
// mailcall then opens one connection for all waiting callers, instead of one for each.
type Multiplexer interface {
	// Multiplexed reports whether connections are expected to be shared.
	Multiplexed() bool
}
