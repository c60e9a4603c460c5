// SPDX-License-Identifier: Apache-2.0

package simtest

import "time"

// blankTime is for how many milliseconds a blank registry has no nodes: less than
// the client needs to accept that.
const blankTime = 4000

// moves gives some nodes a second address with the same ID, and returns the events
// by which they move there and perhaps back.
func (r *roller) moves(s *Scenario, calls int) (events []Event) {
	for i := range s.Services {
		service := &s.Services[i]
		for _, n := range service.Nodes {
			if n.Hidden || !r.one(6) {
				continue
			}
			other := n
			other.ID, other.Address, other.Hidden = n.Address, "moved-"+n.Address, true
			service.Nodes = append(service.Nodes, other)
			from, to := n.Address, other.Address
			at := time.Duration(0)
			for range 1 + r.N(2) {
				at += r.ms(0, 10*calls)
				events = append(events, Event{At: at, Do: Deregister, Node: from}, Event{At: at, Do: Register, Node: to})
				if r.one(2) {
					events = append(events, Event{At: at, Do: Crash, Node: from}, Event{At: at, Do: Restart, Node: to})
				}
				from, to = to, from
			}
		}
	}
	return events
}

// streams returns a few random kinds of streams to the services that have streams.
func (r *roller) streams(services []Service) (kinds []Stream) {
	for _, service := range services {
		if service.Wire == WireAsync {
			continue
		}
		for range 1 + r.N(3) {
			st := Stream{
				Service: service.Name, Kind: StreamKind(r.N(3)), Messages: r.N(10), Replies: r.N(10),
				HalfClose: !r.one(5), Attempts: 1 + r.N(4), HalfCloseWait: r.ms(1, 100),
			}
			if r.one(2) {
				st.Gap = r.ms(0, 20)
			}
			if r.one(4) {
				st.ReadGap = r.ms(0, 50)
			}
			switch r.N(3) {
			case 0:
				st.Deadline = r.ms(5, 1000)
			case 1:
				st.Timeout, st.OpenTimeout = r.ms(5, 1000), r.ms(5, 500)
			default:
				st.Deadline, st.Timeout, st.AttemptTimeout = r.ms(50, 2000), r.ms(50, 2000), r.ms(5, 200)
			}
			if r.one(30) {
				st.Deadline, st.Timeout, st.OpenTimeout = 0, 0, 0
			}
			if r.one(10) {
				st.Service = "addresses"
				for _, n := range service.Nodes {
					st.Addresses = append(st.Addresses, n.Address)
				}
			}
			kinds = append(kinds, st)
		}
	}
	return kinds
}

// variation returns a stream of the kind with what differs between streams.
func (r *roller) variation(st Stream, at time.Duration) Stream {
	st.At = at
	if r.one(5) {
		st.CancelAfter = r.ms(0, 200)
	}
	if r.one(5) {
		st.StopAfter = 1 + r.N(4)
	}
	st.StopByContext = r.one(2)
	return st
}

// publish returns a random message to publish.
func (r *roller) publish(at time.Duration) Publish {
	p := Publish{At: at, Attempts: 1 + r.N(4), Idempotent: r.one(2)}
	switch r.N(3) {
	case 0:
		p.Deadline = r.ms(5, 400)
	case 1:
		p.Timeout = r.ms(5, 400)
	default:
		p.AttemptTimeout, p.Deadline = r.ms(5, 200), r.ms(50, 1000)
	}
	if r.one(10) {
		p.CancelAfter = r.ms(0, 60)
	}
	return p
}
