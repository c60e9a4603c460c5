// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"time"
)

// Async is a [Conn] whose exchanges run without a goroutine that waits: begun
// by one call, answered by another. Without [Shared] it carries one exchange
// at a time. The simulator's connections are of this kind, and so are
// multiplexed ones.
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
	// Cancel gives an exchange up: the peer is told if the wire can say it,
	// and a reply that still comes is dropped. It does not block. A reply that
	// is being delivered may cross it. An id that is over is ignored.
	Cancel(id uint64)
	// Ready is as in [Exclusive].
	Ready(idle time.Duration) bool
}

// Led is an [Async] connection that one of those who wait for it may read, for
// all: who leads sees its own reply, and need not be woken by another goroutine.
type Led interface {
	Async
	// BeginLead is Begin for who will call Lead next, at once. lead is 0 where
	// somebody reads already, and then there is nothing to call.
	BeginLead(m *Message, r Receiver, token uint64) (id, lead uint64, err error)
	// Lead reads on the goroutine that calls, and delivers what comes, until it
	// can receive from wake. It reports whether it has; if not, somebody else
	// reads now, and the caller waits for wake in its own way. That is so after a
	// few milliseconds at the latest.
	Lead(lead uint64, wake <-chan struct{}) (woken bool)
	// Nudge has who leads look at its wake now. It does not block.
	Nudge()
}

// Receiver takes the replies of an [Async] connection.
type Receiver interface {
	// Deliver hands over the reply to the exchange that was begun with token,
	// or the error that ended it. With a nil loan m is valid during the call
	// only; else the receiver may read it until it gives the loan back, which
	// it does exactly once. Deliver does not block.
	Deliver(token uint64, m *Message, loan Loan, err error)
}

// Loan is memory of a connection that a receiver may read until it gives it
// back.
type Loan interface {
	// Return ends the loan. It may be called by any goroutine.
	Return()
}

// Shared is a [Conn] that many exchanges and streams use at once. It
// implements [Async] or [Parallel] as well, and mostly [Streamer]. mailcall
// keeps few of them for each address and lends each to many callers. Send and
// Recv of such a connection are one exchange at a time, for those who know no
// better.
type Shared interface {
	Conn
	// Ready reports whether the connection takes new exchanges: it is alive,
	// and the peer has not said that it will leave. It is asked before each
	// exchange, costs no more than a load, and does not block. The idle time
	// is not known and is 0.
	Ready(idle time.Duration) bool
	// Load returns how many exchanges and streams run now, and how many have
	// begun since the connection was made. A connection that is not Ready is
	// closed when none runs any more.
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

// Multiplexer is implemented by a [Transport] whose connections are mostly
// [Shared]. mailcall then opens one where it would open as many as there are
// callers.
type Multiplexer interface {
	// Multiplexed reports whether that is so.
	Multiplexed() bool
}
