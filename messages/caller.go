// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Ticket names one life of a recycled call: whoever answers a call repeats
// its ticket, and an answer with an old one is recognised as late.
type Ticket uint64

// SupervisorMessage is everything a call supervisor understands.
//
//sumtype:decl
type SupervisorMessage interface{ supervisorMessage() }

type (
	// Begin starts the call. Sent by the facade to the supervisor it took.
	Begin struct{}
	// AttemptEnded is an attempt's only report: how far it came and what
	// that proves. Err is nil if the service answered without an error. Final
	// says that no other attempt can fare better: the request itself is at
	// fault.
	AttemptEnded struct {
		Slot  int
		Phase rpcerr.Phase
		Proof rpcerr.Proof
		Final bool
		Err   error
	}
	// Resolved answers [Resolve]. Err says which of the four ways it failed:
	// unknown service, registry unreachable, no node, overloaded.
	Resolved struct {
		Ticket  Ticket
		Service *Service
		Err     error
	}
	// Judged answers [Judge]: whether another attempt may start, how long to
	// wait before it does (0: not at all), and why, in words for the call's log.
	// Spent is the service that has paid a token for it, nil if none has; whoever
	// does not begin that attempt tells the retrier a [Refund].
	Judged struct {
		Ticket Ticket
		Again  bool
		After  time.Duration
		Why    string
		Spent  *Service
	}
	// Tick reminds the supervisor of its timer.
	Tick struct{}
	// Cancel ends the call with Err: the caller's context is done, or the
	// client is closing. Of several the first one counts.
	Cancel struct {
		Ticket Ticket
		Err    error
	}
)

func (*Begin) supervisorMessage()        {}
func (*AttemptEnded) supervisorMessage() {}
func (Resolved) supervisorMessage()      {}
func (Judged) supervisorMessage()        {}
func (*Tick) supervisorMessage()         {}
func (Cancel) supervisorMessage()        {}

// AttemptMessage is everything an attempt understands.
//
//sumtype:decl
type AttemptMessage interface{ attemptMessage() }

type (
	// Try starts the attempt at the node that its supervisor put into the
	// slot. The attempt tells its supervisor exactly one [AttemptEnded],
	// unless the supervisor has ended it first.
	Try struct{}
	// Leased answers [Acquire]. Conn is owned by the attempt until it gives
	// it back; Phase is where the wait ended when Err is set.
	Leased struct {
		Ticket  Ticket
		Attempt int // the one that asked
		Conn    *Conn
		Phase   rpcerr.Phase
		Err     error
	}
	// Replied is the end of an exchange that ran elsewhere than on the
	// waiting goroutine. Reply is owned by the attempt.
	Replied struct {
		Ticket  Ticket
		Attempt int // the one whose exchange it was
		Reply   *transport.Message
		// Phase is where the exchange ended when Err is set.
		Phase rpcerr.Phase
		Err   error
	}
)

func (*Try) attemptMessage()    {}
func (Leased) attemptMessage()  {}
func (Replied) attemptMessage() {}
