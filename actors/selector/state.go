// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
)

// The accrual that ejects a node (Finagle: 5 consecutive failures, 5 s to
// 300 s equal-jittered, then one probe). Where nobody listens the probe costs a
// call nothing, so it comes sooner, and finds a node that was restarted soon
// (Finagle's FailFast: 1 s to 32 s).
const (
	faultsToEject = 5
	ejectBase     = 5 * time.Second
	ejectCap      = 300 * time.Second
	refusedBase   = time.Second
	refusedCap    = 32 * time.Second
)

// latencyTau is the time over which an observed latency loses its weight
// (Finagle's Peak EWMA: 10 s); window is the number of attempts over which
// latency and success rate are averaged, so that a busy node that was slow for
// a moment need not wait for that time.
const (
	latencyTau     = 10 * time.Second
	window         = 20
	initialLatency = float64(time.Millisecond) // cost of a node while none is known
	minSuccess     = 0.05                      // floor, so that weights stay finite
)

// member is what the state knows about one node.
type member struct {
	node      *messages.Node
	latency   float64       // ns, exponentially weighted
	success   float64       // 0..1
	known     bool          // the latency was observed, it is no guess
	seen      clock.Instant // when the node last answered or failed, or the numbers last faded
	answers   int64         // that it has given
	once      bool          // it has answered once only
	suspect   bool          // its last answer took far longer than those before
	heard     clock.Instant // when the node last answered
	missed    int64         // answers of the others since then
	warming   bool          // it gets less than its share, see warm
	warmed    clock.Instant // since when, 0: the next review says
	faults    int           // consecutive
	ejections int
	until     clock.Instant // end of the ejection
}

// state decides which nodes a service has, and what to think of each.
type state struct {
	name    string
	dice    dice.Dice
	records []*registry.Service
	members []*member
	byID    map[nodeKey]*member
	// typical is the latency of a node that nothing is known of, and usual the
	// same for those who pick.
	typical float64
	usual   messages.Usual
	// answered counts the answers that were folded, until the actor takes them.
	answered int64
	// folded counts all of them.
	folded float64
}

// replace takes a new list of records over: nodes that stay keep their
// history. It returns the nodes that are gone.
func (s *state) replace(records []*registry.Service, p messages.SelectorPolicy) (gone []*messages.Node) {
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
			m.node.Compare(&s.usual)
			if known := old[key]; known != nil && known.node.Transport == m.node.Transport &&
				known.node.Legacy == m.node.Legacy && known.node.Native == m.node.Native {
				known.node.SetRecord(m.node.Record())
				m = known
				delete(old, key)
			} else {
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
	return gone
}

// holdFloor lets nodes return early when too many of those that are left are
// ejected, the one whose time is up first before the others.
func (s *state) holdFloor() {
	for s.ejected() > len(s.members)/2 {
		var first *member
		for _, m := range s.members {
			if m.ejected() && (first == nil || m.until < first.until) {
				first = m
			}
		}
		s.probe(first)
	}
}

// probe ends an ejection. The node is to be tried, so what it was ejected for
// does not weigh any more: only one call at a time goes there, and the first
// fault ejects it again.
func (s *state) probe(m *member) {
	m.node.Health.Store(uint32(messages.Probing))
	m.success = 1
	if s.typical > 0 {
		m.latency = min(m.latency, s.typical)
	}
	m.publish()
}

// nodeKey is what makes a node the same in the next list.
type nodeKey struct{ id, address string }

func keyOf(n *messages.Node) nodeKey { return nodeKey{n.ID, n.Address} }

func (m *member) key() nodeKey { return keyOf(m.node) }

func newMember(name string, service *registry.Service, r *registry.Node, transport string) *member {
	protocol := protocolOf(r)
	n := &messages.Node{
		ID: r.ID, Service: name,
		Address: r.Address, Transport: transportOf(r, protocol, transport),
	}
	n.SetRecord(&messages.Record{Node: r, Version: service.Version})
	// What is called grpc here carries nothing but gRPC itself.
	n.Native = protocol == native || n.Transport == native
	n.Legacy = protocol == "" && !n.Native
	m := &member{node: n, latency: initialLatency, success: 1}
	m.publish()
	return m
}

// welcome takes a new node in: it is expected to be as fast as the others, and
// has to warm up if they were there before it.
func (s *state) welcome(m *member, joins bool) {
	if s.typical > 0 {
		m.latency = s.typical
	}
	m.publish()
	if joins {
		m.warm()
	}
}

// native is the name of gRPC itself, as a protocol and as a transport.
const native = "grpc"

// protocolOf is the protocol that a node's record names. A server that says that
// it is gRPC's, and no more, speaks that.
func protocolOf(r *registry.Node) string {
	protocol := r.Metadata["protocol"]
	if protocol == "" && r.Metadata["server"] == native {
		return native
	}
	return protocol
}

// transportOf is the transport that a node's record names, the client's own if
// it names none. Two kinds of servers call their transport grpc; only the
// protocol tells them apart (go-micro wire, section 1), and those from before
// there was a choice speak go-micro's.
func transportOf(r *registry.Node, protocol, fallback string) string {
	switch t := r.Metadata["transport"]; {
	case t == native && protocol != native:
		return "mucp-grpc"
	case t == "" && protocol == native:
		return native
	case t == "":
		return fallback
	default:
		return t
	}
}

// fault takes a connection fault or timeout into account and reports whether
// some node's health changed. It folds the tallies first: an answer ends a
// series of faults.
func (s *state) fault(f messages.Mark, now clock.Instant) bool {
	m := s.byID[keyOf(f.Node)]
	if m == nil || m.node != f.Node {
		return false // removed meanwhile
	}
	healed := s.fold(now)
	m.node.Faults.Add(1)
	m.node.Fault.Store(&messages.Fault{Err: f.Err, At: now})
	m.faults++
	m.seen = now
	m.success -= m.success / window
	m.publish()
	health := messages.Health(m.node.Health.Load())
	next := messages.Ejected
	if !s.mayEject() {
		next = messages.Shunned
	}
	if health == messages.Ejected || health == next || health == messages.Healthy && m.faults < faultsToEject {
		return healed
	}
	if health != messages.Shunned {
		m.ejections++
		m.until = now.Add(s.ejection(m.ejections, f.Refused))
		m.node.Until.Store(int64(m.until))
	}
	m.node.Health.Store(uint32(next))
	return true
}

// mayEject holds the floor: at least half of the nodes stay selectable, so a
// fault of the whole fleet, or of the client itself, leaves somebody to ask.
// Of those that stay, the ones that have failed are shunned.
func (s *state) mayEject() bool { return s.ejected()+1 <= len(s.members)/2 }

func (s *state) ejected() (n int) {
	for _, m := range s.members {
		if m.ejected() {
			n++
		}
	}
	return n
}

func (m *member) shunned() bool { return messages.Health(m.node.Health.Load()) == messages.Shunned }

func (m *member) ejected() bool { return messages.Health(m.node.Health.Load()) == messages.Ejected }

// ejection is the length of the n-th ejection in a row: doubling, with equal
// jitter so that many clients do not return at the same moment.
func (s *state) ejection(n int, refused bool) time.Duration {
	d, top := ejectBase, ejectCap
	if refused {
		d, top = refusedBase, refusedCap
	}
	d = min(d<<min(n-1, 10), top)
	return d/2 + time.Duration(s.dice.Float()*float64(d/2))
}

// review ends ejections and shunning whose time is up, and lets nodes warm up. It returns
// whether an ejection ended, and when to look again (0: no need).
func (s *state) review(now clock.Instant) (changed bool, next clock.Instant) {
	for _, m := range s.members {
		if m.warming {
			next = sooner(next, m.review(now))
		}
		if !m.ejected() && !m.shunned() {
			continue
		}
		if now >= m.until {
			s.probe(m)
			changed = true
			continue
		}
		next = sooner(next, m.until)
	}
	return changed, next
}

// sooner returns the earlier of two instants, of which 0 is never.
func sooner(a, b clock.Instant) clock.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// view builds the picture to publish. Of the nodes that are not ejected, those
// that leave rest if the others are half of all: a registry that takes one node
// after the other out of its list replaces them, and who goes on calling these
// is cut off when they stop; one that takes out most at once is more likely to
// be mistaken.
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
