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
	// sends ReplyTo exactly one [Judged].
	Judge struct {
		Ticket  Ticket
		ReplyTo Ref[SupervisorMessage]
		Service *Service
		Case    Case
	}
	// SetBudget replaces the retrier's budget rule after Client.Init. No reply.
	SetBudget struct{ Budget Budget }
	// Refund returns a token that was spent for an attempt which is not made. No
	// reply.
	Refund struct{ Service *Service }
)

func (Judge) retrierMessage()     {}
func (SetBudget) retrierMessage() {}
func (Refund) retrierMessage()    {}

// Case describes a failed attempt, or a hedge that is due, to the retrier.
type Case struct {
	// Hedge says that nothing failed: the call asks for a second attempt that
	// races the first.
	Hedge bool
	// Proof of the failed attempt.
	Proof rpcerr.Proof
	// Idempotent says that the call may be executed more than once.
	Idempotent bool
	// Wanted is the decision of the user's retry function.
	Wanted Wish
	// Attempts is how many attempts have begun, Max how many may.
	Attempts, Max int
	// OtherNode says that a node is selectable which the call has not tried.
	OtherNode bool
	// NoAddress says that no node of the service has an address that can be
	// dialled.
	NoAddress bool
	// Backoff is the result of the user's backoff function; negative if there
	// is none, and the retrier's own backoff applies.
	Backoff time.Duration
	// Base and Cap are the parameters of the retrier's own backoff.
	Base, Cap time.Duration
	// Pushback is how long the server asks to be left alone: 0 if it does not
	// ask, negative if it wants no further attempt of this call.
	Pushback time.Duration
	// Pushed is how many attempts had begun when a server last sent a pushback;
	// the backoff doubles from there.
	Pushed int
	// Remaining is the time left until the call's deadline; 0 is no deadline.
	Remaining time.Duration
}

// Wish is the decision of a user's retry function. The zero value is NoWish.
type Wish uint8

// The wishes.
const (
	// NoWish means that there is no retry function; the retrier's rule applies.
	NoWish Wish = iota
	// WantRetry means that the function asked for another attempt.
	WantRetry
	// WantStop means that the function asked for no further attempt.
	WantStop
)

// Budget is the rule that retries and hedges share, one bucket per service
// (gRPC A6, with a reserve for clients that call rarely).
type Budget struct {
	// Max is how many tokens a bucket starts with and may hold; the bucket of a
	// busy service may hold more, see package retrier. 0 turns the budget off.
	Max float64
	// Ratio is how many tokens an answered attempt adds.
	Ratio float64
	// Reserve is how many tokens per second are added regardless of traffic.
	Reserve float64
}
