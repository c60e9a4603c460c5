// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"

	"github.com/asynkron/protoactor-go/actor"
)

// Supervisor and attempt are protoactor processes: they have addresses in the
// actor system, and messages sent there go to the mailbox of their cell.
var (
	_ actor.Process = (*supervisor)(nil)
	_ actor.Process = (*attempt)(nil)
)

// SendUserMessage implements actor.Process.
func (s *supervisor) SendUserMessage(_ *actor.PID, message any) {
	switch m := unwrap(message).(type) {
	case messages.Resolved:
		s.cell.post(toSupervisor, m.Ticket, m)
	case messages.Judged:
		s.cell.post(toSupervisor, m.Ticket, m)
	case messages.Cancel:
		s.cell.post(toSupervisor, m.Ticket, m)
	default: // Begin, Tick and AttemptEnded never come from outside
		s.cell.desk.Counters.Late.Add(1)
	}
}

// SendSystemMessage implements actor.Process. A call cannot be watched: its
// actors are recycled and never terminate.
func (s *supervisor) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process: it cancels the current call.
func (s *supervisor) Stop(*actor.PID) {
	ticket := messages.Ticket(s.cell.gen.Load())
	s.cell.post(toSupervisor, ticket, messages.Cancel{Ticket: ticket, Err: rpcerr.ErrClosed})
}

// SendUserMessage implements actor.Process.
func (a *attempt) SendUserMessage(_ *actor.PID, message any) {
	switch m := unwrap(message).(type) {
	case messages.Leased:
		a.cell.post(a.slot, m.Ticket, m)
	case messages.Replied:
		a.cell.post(a.slot, m.Ticket, m)
	default: // Try never comes from outside
		a.cell.desk.Counters.Late.Add(1)
	}
}

// SendSystemMessage implements actor.Process.
func (a *attempt) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process. It does nothing: only its supervisor ends an
// attempt.
func (a *attempt) Stop(*actor.PID) {}

func unwrap(message any) any {
	return actor.UnwrapEnvelopeMessage(message)
}
