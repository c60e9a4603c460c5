// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// The parameters of the averages.
const (
	// latencyTau is the time constant with which an observed latency loses its
	// weight (Finagle's Peak EWMA: 10 s).
	latencyTau = 10 * time.Second
	// window is the number of answers over which latency and success rate are
	// averaged, so that a busy node recovers from a slow moment sooner than that.
	window = 20
	// initialLatency is assumed, in nanoseconds, while none is known.
	initialLatency = float64(time.Millisecond)
	// minSuccess is the lowest success rate, so that weights stay finite.
	minSuccess = 0.05
)

// state decides which nodes a service has, and judges their health.
type state struct {
	name    string
	dice    dice.Dice
	records []*registry.Service
	members []*member
	byID    map[nodeKey]*member
	// typical is the latency of a typical node in nanoseconds, 0 while none is
	// known; typicalCost publishes the cost that follows from it.
	typical     float64
	typicalCost messages.TypicalCost
	// answered counts folded answers that the actor has not collected yet.
	answered int64
	// folded counts all folded answers.
	folded float64
}

// replace puts a new list of records in force. Nodes that are in both lists keep
// their history. It returns the nodes that were removed, and those that have begun
// or ceased to leave.
func (s *state) replace(records []*registry.Service, p messages.SelectorPolicy) (gone, turned []*messages.Node) {
	old, before := s.byID, s.members
	s.records = records
	s.members, s.byID = nil, make(map[nodeKey]*member)
	for _, service := range records {
		for _, r := range service.Nodes {
			key := nodeKey{r.ID, r.Address}
			if _, twice := s.byID[key]; twice {
				continue
			}
			m := newMember(s.name, service, r, p.Transport)
			m.node.SetTypical(&s.typicalCost)
			if known := old[key]; known != nil && known.node.Transport == m.node.Transport &&
				known.node.Legacy == m.node.Legacy && known.node.Native == m.node.Native {
				if known.node.Record().Node.Leaving != r.Leaving {
					turned = append(turned, known.node)
				}
				known.node.SetRecord(m.node.Record())
				m = known
				delete(old, key)
			} else {
				if r.Leaving {
					turned = append(turned, m.node)
				}
				s.welcome(m, len(before) > 0)
			}
			s.byID[key] = m
			s.members = append(s.members, m)
		}
	}
	for _, m := range before {
		if old[m.key()] == m {
			gone = append(gone, m.node)
		}
	}
	s.holdFloor()
	return gone, turned
}

// welcome sets up a new node: it is assumed to be as fast as a typical one. If
// it joins other nodes, it begins with a slow start.
func (s *state) welcome(m *member, joins bool) {
	if s.typical > 0 {
		m.latency = s.typical
	}
	m.publish()
	if joins {
		m.warm()
	}
}

// view builds the view to publish. Leaving nodes get no calls as long as at
// least half of all nodes are neither leaving nor ejected: a registry that takes
// out a few nodes is replacing them, and calls to those would be cut off when
// they stop. A registry that takes out most nodes at once is probably mistaken.
func (s *state) view(p messages.SelectorPolicy, now clock.Instant, stale error) *messages.View {
	v := &messages.View{Records: s.records, Picker: p.Picker, Since: now, Stale: stale}
	var stay []*messages.Node
	for _, m := range s.members {
		v.Nodes = append(v.Nodes, m.node)
		if m.ejected() {
			continue
		}
		v.Ready = append(v.Ready, m.node)
		if !m.node.Record().Node.Leaving {
			stay = append(stay, m.node)
		}
	}
	if len(stay) >= (len(s.members)+1)/2 {
		v.Ready = stay
	}
	return v
}
