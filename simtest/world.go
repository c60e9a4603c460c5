// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/transport"
)

var (
	errRefused  = errors.New("simulated: connection refused")
	errReset    = errors.New("simulated: connection reset by peer")
	errRegistry = errors.New("simulated: the registry does not answer")
)

// registryDelay is how long the registry takes to tell what has changed.
const registryDelay = time.Millisecond

// world is what is outside of the client: nodes, connections, the registry.
type world struct {
	sim      *sim
	servers  map[string]*server
	order    []*server
	down     bool // the registry
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
	address    string
	behaviour  Behaviour
	registered bool
	crashed    bool
	conns      []*conn
	open       int // at the client's end
	dialing    int
	dials      int
	inUse      int // that carry an exchange
	keeper     int64
	live       int64
	opened     int64 // attempts that waited before there was a keeper, and could not tell it that they gave up
}

type watcher struct {
	service string
	changed func([]*registry.Service)
	ended   func(error)
}

func newWorld(s *sim) *world {
	w := &world{sim: s, servers: make(map[string]*server)}
	for _, service := range s.scenario.Services {
		for _, n := range service.Nodes {
			v := &server{world: w, service: service.Name, address: n.Address, behaviour: n.Behaviour, registered: !n.Hidden}
			w.servers[n.Address] = v
			w.order = append(w.order, v)
		}
	}
	return w
}

// rolls reports whether something of the given probability happens.
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
		done(c, nil)
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

// decide rolls what becomes of a dial.
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

// lookup is actors.Simulation.Lookup.
func (w *world) lookup(service string, done func([]*registry.Service, error)) {
	w.sim.note("lookup", service)
	w.lookups++
	w.sim.clock.after(w.sim.scenario.LookupTime, func() {
		w.lookups--
		if w.down {
			done(nil, errRegistry)
			return
		}
		done(w.records(service))
	})
}

// watch is actors.Simulation.Watch.
func (w *world) watch(service string, changed func([]*registry.Service), ended func(error)) (stop func()) {
	me := &watcher{service, changed, ended}
	w.watchers = append(w.watchers, me)
	return func() { w.forget(me) }
}

func (w *world) forget(me *watcher) {
	for i, x := range w.watchers {
		if x == me {
			w.watchers = append(w.watchers[:i:i], w.watchers[i+1:]...)
			return
		}
	}
}

func (w *world) watching(me *watcher) bool { return slices.Contains(w.watchers, me) }

// records is what the registry knows of a service.
func (w *world) records(service string) ([]*registry.Service, error) {
	record := &registry.Service{Name: service, Version: "1"}
	known := false
	for _, v := range w.order {
		if v.service != service {
			continue
		}
		known = true
		if v.registered {
			record.Nodes = append(record.Nodes, &registry.Node{
				ID: v.address, Address: v.address, Metadata: map[string]string{"protocol": "mucp"},
			})
		}
	}
	if !known {
		return nil, registry.ErrNotFound
	}
	return []*registry.Service{record}, nil
}

// tell tells the watchers of a service.
func (w *world) tell(service string) {
	if w.down {
		return
	}
	for _, x := range w.watchers {
		if x.service != service {
			continue
		}
		w.sim.clock.after(registryDelay, func() {
			if records, err := w.records(service); err == nil && w.watching(x) {
				x.changed(records)
			}
		})
	}
}

// happen changes the world.
func (w *world) happen(e Event) {
	w.sim.note("event", changeName(e.Do), e.Node)
	v := w.servers[e.Node]
	switch {
	case e.Do == RegistryDown:
		w.down = true
		all := w.watchers
		w.watchers = nil
		for _, x := range all {
			w.sim.clock.after(registryDelay, func() { x.ended(errRegistry) })
		}
	case e.Do == RegistryUp:
		w.down = false
	case e.Do == Retune:
		w.sim.retune(e.Limits)
	case v == nil:
	case e.Do == Behave:
		v.behaviour = e.Behaviour
	case e.Do == Crash:
		v.crash()
	case e.Do == Restart:
		v.crashed = false
	case e.Do == Register || e.Do == Deregister:
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

func (s *sim) retune(l messages.PoolLimits) {
	s.limits.Max = max(s.limits.Max, l.Max)
	if l.TTL <= 0 || s.limits.TTL > 0 && l.TTL > s.limits.TTL {
		s.limits.TTL = l.TTL
	}
	s.runtime.Configure(l, s.policy(), s.scenario.Budget)
}

func changeName(c Change) string {
	names := [...]string{"behave", "crash", "restart", "register", "deregister", "registry-down", "registry-up", "retune"}
	if int(c) < len(names) {
		return names[c]
	}
	return "?"
}
