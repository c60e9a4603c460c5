// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Ticket identifies one use of a recycled call cell. Every answer to a call
// repeats its ticket; an answer with an old ticket is late and is discarded.
type Ticket uint64

// SupervisorMessage is everything a call supervisor understands.
//
//sumtype:decl
type SupervisorMessage interface{ supervisorMessage() }

type (
	// Begin starts the call. Sent by the facade to the supervisor it took.
	Begin struct{}
	// AttemptEnded is an attempt's only report: the phase it reached, and what
	// that proves. Err is nil if the service answered without an error. Final
	// means that another attempt cannot succeed either, because the request
	// itself is at fault.
	AttemptEnded struct {
		Slot  int
		Phase rpcerr.Phase
		Proof rpcerr.Proof
		Final bool
		Err   error
	}
	// Resolved answers [Resolve]. Err is nil or says why there is no view:
	// unknown service, registry unavailable, no node, or overload.
	Resolved struct {
		Ticket  Ticket
		Service *Service
		Err     error
	}
	// Judged answers [Judge]: whether another attempt may start, how long to
	// wait before it (0: start at once), and why, as text for the call's log.
	// Spent is the service whose budget has paid a token for it, nil if none has; if
	// the attempt is not made, the retrier must be told a [Refund].
	Judged struct {
		Ticket Ticket
		Again  bool
		After  time.Duration
		Why    string
		Spent  *Service
	}
	// Tick tells the supervisor that its timer has fired.
	Tick struct{}
	// Cancel ends the call with Err: the caller's context is done, or the
	// client is closing. Only the first Cancel has an effect.
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
	// Try starts the attempt at the node that its supervisor has assigned to
	// the slot. The attempt sends its supervisor exactly one [AttemptEnded],
	// unless the supervisor abandons it first.
	Try struct{}
	// Leased answers [Acquire]. Conn is owned by the attempt until it returns
	// it. If Err is set, Phase is what the attempt was waiting for.
	Leased struct {
		Ticket  Ticket
		Attempt int // number of the attempt that asked
		Conn    *Conn
		Phase   rpcerr.Phase
		Err     error
	}
	// Replied reports the end of an exchange that ran on a goroutine of its
	// own. Reply is owned by the attempt.
	Replied struct {
		Ticket  Ticket
		Attempt int // number of the attempt whose exchange it was
		Reply   *transport.Message
		// Phase is the phase in which the exchange failed, if Err is set.
		Phase rpcerr.Phase
		Err   error
	}
)

func (*Try) attemptMessage()    {}
func (Leased) attemptMessage()  {}
func (Replied) attemptMessage() {}
