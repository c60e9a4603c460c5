// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/rpcerr"
)

// RetrierMessage is everything the retrier understands.
//
//sumtype:decl
type RetrierMessage interface{ retrierMessage() }

type (
	// Judge asks whether another attempt of a call may start. The retrier
	// tells ReplyTo exactly one [Judged].
	Judge struct {
		Ticket  Ticket
		ReplyTo Ref[SupervisorMessage]
		Service *Service
		Case    Case
	}
	// Spare replaces the retrier's budget rule, for a client that was given
	// new options. No reply.
	Spare struct{ Budget Budget }
	// Refund gives a token back that was granted for an attempt which is not made
	// any more. No reply.
	Refund struct{ Service *Service }
)

func (Judge) retrierMessage()  {}
func (Spare) retrierMessage()  {}
func (Refund) retrierMessage() {}

// Case is what the retrier is told about an attempt that failed, or about a
// hedge that is due.
type Case struct {
	// Hedge: nothing failed; the call wants a second attempt to race.
	Hedge bool
	// Proof of the failed attempt.
	Proof rpcerr.Proof
	// Idempotent calls may be executed more than once.
	Idempotent bool
	// Wanted is what the user's retry function said.
	Wanted Wish
	// Attempts that have begun, Max of them allowed.
	Attempts, Max int
	// OtherNode: a node that the call has not tried yet is selectable.
	OtherNode bool
	// NoAddress: no node of the service has an address that can be dialled.
	NoAddress bool
	// Backoff is the wait that the user's backoff function gave; negative
	// when there is none and the retrier's own applies.
	Backoff time.Duration
	// Base and Cap shape the retrier's own backoff.
	Base, Cap time.Duration
	// Pushback is how long the server asks to be left alone, 0 if it does not
	// ask; negative: it wants no other attempt of this call.
	Pushback time.Duration
	// Pushed is how many attempts had begun when a server last asked for that:
	// the backoff doubles from there.
	Pushed int
	// Remaining is the time to the call's deadline; 0 is no deadline.
	Remaining time.Duration
}

// Wish is the answer of a user's retry function.
type Wish uint8

// The wishes.
const (
	// NoWish: there is no retry function, the retrier's own rule applies.
	NoWish Wish = iota
	// WantRetry: the function asked for another attempt.
	WantRetry
	// WantStop: the function asked for none.
	WantStop
)

// Budget is the rule that retries and hedges share, one bucket per service
// (gRPC A6, with a reserve for clients that call rarely).
type Budget struct {
	// Max is how many tokens a bucket starts with and holds at least; it
	// holds more for a service that is called more, see the retrier. 0 turns
	// the budget off.
	Max float64
	// Ratio is how many tokens an answered call puts in.
	Ratio float64
	// Reserve is how many tokens a second are put in without any call.
	Reserve float64
}
