// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"errors"
	"fmt"
	"slices"

	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// pick chooses a node from the selector's published view. If there is no view
// or no node in it, it asks for one and returns neither a node nor an error.
func (s *supervisor) pick() (*messages.Node, error) {
	c := s.cell
	if s.service == nil || s.service.Gone() {
		s.service = c.desk.find(c.plan)
	}
	var view *messages.View
	if s.service != nil {
		view = s.service.View.Load()
	}
	if view == nil || len(view.Ready) == 0 {
		s.asked = c.now
		c.desk.Root.Tell(messages.OpenService{
			Name: c.plan.Service, Addresses: c.plan.Addresses, Transport: c.plan.Transport,
			Key: c.plan.Key, Resolve: c.resolve(),
		})
		return nil, nil
	}
	ready, err := s.candidates(view)
	if err != nil {
		return nil, err
	}
	picker := view.Picker
	if c.plan.Picker != nil {
		picker = c.plan.Picker
	}
	return c.pick(picker, ready, s.avoid(ready))
}

// avoid returns the nodes that the next attempt should not go to: those already
// tried; or, if all have been, those of live attempts; or, if there is none,
// the one tried last.
func (s *supervisor) avoid(ready []*messages.Node) (nodes []*messages.Node) {
	switch {
	case len(s.tried) == 0 || s.untried(ready):
		return s.tried
	case s.state.alive() == 0:
		return s.tried[len(s.tried)-1:]
	}
	for slot, live := range s.state.live {
		if live {
			nodes = append(nodes, s.cell.attempts[slot].node)
		}
	}
	return nodes
}

// untried reports whether this call has not tried one of the nodes yet.
func (s *supervisor) untried(nodes []*messages.Node) bool {
	return slices.ContainsFunc(nodes, func(n *messages.Node) bool { return !slices.Contains(s.tried, n) })
}

// candidates returns the nodes that the next attempt may go to: the selectable
// ones; or all, once each selectable one has failed this call. An ejected node
// may have recovered, and is no worse than those that have just failed.
func (s *supervisor) candidates(view *messages.View) ([]*messages.Node, error) {
	ready, err := s.narrow(view, view.Ready)
	if err != nil || len(s.tried) == 0 || len(view.Ready) == len(view.Nodes) {
		return ready, err
	}
	for _, n := range ready {
		if !slices.Contains(s.tried, n) {
			return ready, nil
		}
	}
	return s.narrow(view, view.Nodes)
}

// narrow applies the filters of this call to the nodes.
func (s *supervisor) narrow(view *messages.View, nodes []*messages.Node) ([]*messages.Node, error) {
	if len(s.cell.plan.Filters) == 0 {
		return nodes, nil
	}
	ready, err := s.cell.narrow(view, nodes)
	if err == nil && len(ready) == 0 {
		err = fmt.Errorf("%w: the call's filters leave none of the %d nodes of %s",
			rpcerr.ErrNoneAvailable, len(view.Nodes), s.cell.plan.Service)
	}
	return ready, err
}

// otherNode reports whether a node is left that this call has not tried.
func (s *supervisor) otherNode() bool {
	view := s.service.View.Load()
	if view == nil {
		return false
	}
	ready, err := s.narrow(view, view.Ready)
	return err == nil && s.untried(ready)
}

// noAddress reports whether every node of the service has been tried and has
// turned out to have an invalid address.
func (s *supervisor) noAddress() bool {
	bad := 0
	for _, a := range s.log {
		if errors.Is(a.Err, transport.ErrAddress) {
			bad++
		}
	}
	view := s.service.View.Load()
	if bad == 0 || view == nil {
		return false
	}
	nodes, err := s.narrow(view, view.Nodes)
	return err == nil && bad >= len(nodes)
}
