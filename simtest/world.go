// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

var (
	errRefused  = errors.New("simulated: connection refused")
	errReset    = errors.New("simulated: connection reset by peer")
	errRegistry = errors.New("simulated: the registry does not answer")
)

// world is what is outside of the client: nodes, connections, the registry.
type world struct {
	sim      *sim
	servers  map[string]*server
	order    []*server
	down     bool                     // the registry
	blank    bool                     // the registry has no nodes
	unknown  bool                     // what a blank registry says of a service: not that it has no nodes
	filled   map[string]clock.Instant // when a service was registered again that was not
	watchers []*watcher
	conns    int // that were ever opened
	open     int // that are open now, at the client's end
	dialing  int
	lookups  int // that the registry has not answered
}

// server is a node.
type server struct {
	world      *world
	service    string
	wire       Wire
	id         string
	address    string
	behaviour  Behaviour
	registered bool
	crashed    bool
	conns      []*conn
	open       int // at the client's end
	dialing    int
	dials      int
	inUse      int // exchanges and streams
	keeper     int64
	live       int64
	opened     int64 // attempts that waited before there was a keeper, and could not tell it that they gave up
}

func newWorld(s *sim) *world {
	w := &world{sim: s, servers: make(map[string]*server), filled: make(map[string]clock.Instant)}
	for _, service := range s.scenario.Services {
		for _, n := range service.Nodes {
			v := &server{
				world: w, service: service.Name, wire: service.Wire, id: cmp.Or(n.ID, n.Address), address: n.Address,
				behaviour: n.Behaviour, registered: !n.Hidden,
			}
			w.servers[n.Address] = v
			w.order = append(w.order, v)
		}
	}
	return w
}

// rolls reports at random whether something with the given probability happens.
func (w *world) rolls(p float64) bool { return p > 0 && w.sim.dice.Float() < p }

// dial is actors.Simulation.Dial.
func (w *world) dial(address string, timeout time.Duration, done func(transport.Conn, error)) (cancel func()) {
	s := w.sim
	s.report.Stats.Dials++
	s.note("dial", address)
	v := w.servers[address]
	w.dialing++
	ended := false
	end := func(c *conn, err error) {
		if ended {
			return
		}
		ended = true
		w.dialing--
		if v != nil {
			v.dialing--
		}
		if err != nil {
			s.note("dial failed", address)
			done(nil, err)
			return
		}
		s.note("dialled", address)
		done(c.face(), nil)
	}
	if v == nil {
		s.clock.after(time.Millisecond, func() { end(nil, errRefused) })
	} else {
		v.dialing++
		v.dials++
		s.checkDials(v)
		w.decide(v, timeout, func(err error) {
			if err != nil || ended {
				end(nil, err)
				return
			}
			end(v.accept(), nil)
		})
	}
	return func() {
		s.clock.after(0, func() { end(nil, context.Canceled) })
	}
}

// decide decides at random how a dial ends.
func (w *world) decide(v *server, timeout time.Duration, end func(error)) {
	b, after := v.behaviour, w.sim.clock.after
	switch {
	case w.rolls(b.Blackhole), timeout > 0 && b.Dial >= timeout:
		after(timeout, func() { end(fmt.Errorf("simulated: no answer within %s", timeout)) })
	case w.rolls(b.Refuse):
		after(b.Dial, func() { end(errRefused) })
	default:
		after(b.Dial, func() {
			if v.crashed {
				end(errRefused)
				return
			}
			end(nil)
		})
	}
}

func (v *server) accept() *conn {
	w := v.world
	w.conns++
	w.open++
	v.open++
	c := &conn{server: v, number: w.conns, open: true, opened: w.sim.clock.now}
	v.conns = append(v.conns, c)
	return c
}

// happen changes the world.
func (w *world) happen(e Event) {
	w.sim.note("event", changeName(e.Do), e.Node)
	v := w.servers[e.Node]
	switch {
	case e.Do == RegistryDown:
		w.down, w.blank = true, false
		all := w.watchers
		w.watchers = nil
		for _, x := range all {
			w.sim.clock.after(registryDelay, func() { x.ended(errRegistry) })
		}
	case e.Do == RegistryBlank:
		if w.down { // one that has not failed is believed
			w.down, w.blank, w.unknown = false, true, w.rolls(0.5)
			w.sim.report.Stats.Blanks++
		}
	case e.Do == RegistryUp:
		w.down, w.blank = false, false
		for _, service := range w.sim.scenario.Services {
			w.tell(service.Name)
		}
	case e.Do == SetLimits:
		w.sim.setLimits(e.Limits)
	case v == nil:
	case e.Do == Behave:
		v.behaviour = e.Behaviour
	case e.Do == Crash:
		v.crash()
	case e.Do == Restart:
		v.crashed = false
	case e.Do == Register || e.Do == Deregister:
		if _, n := w.registered(v.service); n == 0 {
			w.filled[v.service] = w.sim.clock.now
		}
		v.registered = e.Do == Register
		w.tell(v.service)
	}
}

func (v *server) crash() {
	v.crashed = true
	for _, c := range v.conns {
		c.reset(v.world.sim.dice.N(3))
	}
	v.conns = nil
}

func (s *sim) setLimits(l messages.PoolLimits) {
	s.limits.Max = max(s.limits.Max, l.Max)
	if l.TTL <= 0 || s.limits.TTL > 0 && l.TTL > s.limits.TTL {
		s.limits.TTL = l.TTL
	}
	s.runtime.Configure(l, s.policy(), s.scenario.Budget)
}

func changeName(c Change) string {
	names := [...]string{"behave", "crash", "restart", "register", "deregister", "registry-down", "registry-up", "registry-blank", "set-limits"}
	if int(c) < len(names) {
		return names[c]
	}
	return "?"
}

// sharedTransport is the name of the transport whose connections are shared.
const sharedTransport = "sim-shared"

// multiplexed is the transport of that name; the world makes its connections.
type multiplexed struct{}

var _ transport.Multiplexer = multiplexed{}

// Dial implements transport.Transport.
func (multiplexed) Dial(context.Context, string) (transport.Conn, error) { return nil, errRefused }

// String implements transport.Transport.
func (multiplexed) String() string { return sharedTransport }

// Multiplexed implements transport.Multiplexer.
func (multiplexed) Multiplexed() bool { return true }
