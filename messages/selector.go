// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"time"

	"example.com/mailcall/registry"
)

// SelectorMessage is everything a selector understands.
//
//sumtype:decl
type SelectorMessage interface{ selectorMessage() }

type (
	// Resolve asks for a view of the service. The selector tells ReplyTo
	// exactly one [Resolved], at once if it has a view, else when the
	// registry has answered.
	Resolve struct {
		Ticket  Ticket
		ReplyTo Ref[SupervisorMessage]
	}
	// Mark reports a connection fault or a timeout at Node, at once. Answers,
	// also those that are errors of the application, are never marked; they
	// go into the node's tally. No reply.
	Mark struct {
		Node *Node
		Err  error
		// Refused says that no connection came about, and that this was known
		// without waiting for it: to try again costs next to nothing.
		Refused bool
	}
	// Outrun reports an attempt at Node that was given up after this time
	// because another attempt of its call had answered. No reply.
	Outrun struct {
		Node  *Node
		After time.Duration
	}
	// Fold asks the selector to fold the tallies of its nodes. No reply.
	Fold struct{}
	// Looked reports the end of a lookup that the selector began.
	Looked struct {
		Records []*registry.Service
		Err     error
	}
	// Changed says that the registry's watch has told a new list. The list lies
	// with the selector, where a newer one takes its place: however many are
	// told, one message is under way.
	Changed struct{}
	// Filtered reports the end of the filtering that the selector began with
	// list number List: Records are what is left of it.
	Filtered struct {
		List    int
		Records []*registry.Service
		Err     error
	}
	// WatchEnded reports that the registry's watch broke.
	WatchEnded struct{ Err error }
	// Review reminds the selector of ejections that end and lookups that are
	// due.
	Review struct{}
	// Reconsider replaces the selector's policy, for a client that was given
	// new options.
	Reconsider struct{ Policy SelectorPolicy }
	// Dismiss ends the selector once nobody waits any more: its service was
	// forgotten. No reply.
	Dismiss struct{}
	// Quit ends the selector: those who wait get an error. No reply.
	Quit struct{}
)

func (Resolve) selectorMessage()    {}
func (Mark) selectorMessage()       {}
func (Outrun) selectorMessage()     {}
func (Fold) selectorMessage()       {}
func (Looked) selectorMessage()     {}
func (Changed) selectorMessage()    {}
func (Filtered) selectorMessage()   {}
func (WatchEnded) selectorMessage() {}
func (Review) selectorMessage()     {}
func (Reconsider) selectorMessage() {}
func (Dismiss) selectorMessage()    {}
func (Quit) selectorMessage()       {}

// Filter narrows a service's records. It gets a list of its own and must not
// change the records in it.
type Filter func([]*registry.Service) []*registry.Service

// SelectorPolicy is how nodes are chosen.
type SelectorPolicy struct {
	// Filters are applied in order to each new list.
	Filters []Filter
	// Picker chooses among the nodes that are left.
	Picker Picker
	// Transport is the transport of nodes whose record names none.
	Transport string
}
