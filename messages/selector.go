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
	// Resolve asks for a view of the service. The selector sends ReplyTo
	// exactly one [Resolved]: at once if it has a view, else when the registry
	// has answered.
	Resolve struct {
		Ticket  Ticket
		ReplyTo Ref[SupervisorMessage]
	}
	// Mark reports a connection fault or a timeout at Node. Answers are never
	// marked, not even application errors; they go into the node's tally. No
	// reply.
	Mark struct {
		Node *Node
		Err  error
		// Refused says that the dial failed without a timeout, so that trying
		// the node again costs a call next to nothing.
		Refused bool
	}
	// Outrun reports an attempt at Node that was cancelled after this time
	// because another attempt of its call had answered. No reply.
	Outrun struct {
		Node  *Node
		After time.Duration
	}
	// Fold asks the selector to fold the tallies of its nodes. No reply.
	Fold struct{}
	// Looked reports the result of a lookup that the selector began.
	Looked struct {
		Records []*registry.Service
		Err     error
	}
	// Changed says that the registry's watch has reported a new list. The list
	// is held beside the mailbox, and a newer one replaces it, so that at most
	// one Changed is pending.
	Changed struct{}
	// Filtered reports the result of filtering that the selector began on list
	// number List: Records are what the filters have left.
	Filtered struct {
		List    int
		Records []*registry.Service
		Err     error
	}
	// WatchEnded reports that the registry's watch has failed.
	WatchEnded struct{ Err error }
	// Review tells the selector to end the ejections and begin the lookups that
	// are due.
	Review struct{}
	// SetPolicy replaces the selector's policy after Client.Init. No reply.
	SetPolicy struct{ Policy SelectorPolicy }
	// Dismiss stops the selector once no call waits for it, because its service
	// was forgotten. No reply.
	Dismiss struct{}
	// Quit stops the selector; calls that wait get an error. No reply.
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
func (SetPolicy) selectorMessage()  {}
func (Dismiss) selectorMessage()    {}
func (Quit) selectorMessage()       {}

// Filter reduces a service's records to those that may be called. It may change
// the list, which is its own, but not the records in it.
type Filter func([]*registry.Service) []*registry.Service

// SelectorPolicy says how nodes are chosen.
type SelectorPolicy struct {
	// Filters are applied in order to each new list of records.
	Filters []Filter
	// Picker chooses from the nodes that the filters have left.
	Picker Picker
	// Transport is used for nodes whose record names none.
	Transport string
}
