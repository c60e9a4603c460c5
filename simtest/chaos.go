// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"fmt"
	"time"

	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
)

// Chaos returns a random scenario with the given number of calls, some of which are
// streams or publishes: one to three services with up to six nodes each, and all
// kinds of faults. The same seed and number give the same scenario.
func Chaos(seed uint64, calls int) Scenario {
	source := dice.NewSource(^seed)
	r := roller{source.Dice()}
	s := Scenario{
		Limits: r.limits(),
		Budget: messages.Budget{
			Max: float64(r.choose(0, 2, 3, 5, 10)), Ratio: float64(r.choose(0, 5, 10, 20)) / 100,
			Reserve: float64(r.choose(0, 1, 5, 10)) / 10,
		},
		MaxCalls: r.choose(1024, 1024, 1024, 64, 64, 64, 64, 8),
		Thorough: true,
	}
	if r.one(4) {
		s.LookupTime = r.ms(1, 300)
	}
	hostile := r.one(3)
	for i := range 1 + r.N(3) {
		service := Service{Name: fmt.Sprintf("service-%d", i), Wire: Wire(r.choose(0, 0, 0, 1, 1, 2, 3))}
		for j := range 1 + r.N(6) {
			service.Nodes = append(service.Nodes, Node{
				Address: fmt.Sprintf("node-%d-%d.test:80", i, j), Behaviour: r.behaviour(hostile), Hidden: r.one(8),
			})
		}
		s.Services = append(s.Services, service)
	}
	s.Events = r.moves(&s, calls)
	s.Broker = r.behaviour(hostile)
	kinds, streams := r.kinds(s.Services), r.streams(s.Services)
	pace := r.choose(1, 1, 4, 50)
	at := time.Duration(0)
	for range calls {
		at += r.gap(pace)
		if r.one(16) {
			s.Publishes = append(s.Publishes, r.publish(at))
			continue
		}
		if len(streams) > 0 && r.one(6) {
			s.Streams = append(s.Streams, r.variation(streams[r.N(len(streams))], at))
			continue
		}
		c := kinds[r.N(len(kinds))]
		c.At = at
		if r.one(10) {
			c.CancelAfter = r.ms(0, 60)
		}
		if r.one(25) {
			c.Panic = Panic(1 + r.N(int(PanicFilter)))
		}
		s.Calls = append(s.Calls, c)
	}
	for range r.N(16) {
		s.Events = append(s.Events, r.event(s, at)...)
	}
	if r.one(8) {
		s.CloseAt = r.ms(1, int(at/time.Millisecond)+1)
	}
	s.MaxServices = r.choose(1024, 1024, 3, 2, 1)
	return s
}

type roller struct{ dice.Dice }

func (r *roller) one(in int) bool { return r.N(in) == 0 }

func (r *roller) choose(from ...int) int { return from[r.N(len(from))] }

// ms returns a random number of whole milliseconds, so that things often happen at
// the same instant.
func (r *roller) ms(from, to int) time.Duration {
	return time.Duration(from+r.N(max(to-from, 0)+1)) * time.Millisecond
}

func (r *roller) gap(pace int) time.Duration {
	switch {
	case r.one(20):
		return r.ms(0, 100*pace)
	case r.one(2):
		return 0
	default:
		return r.ms(0, 5*pace)
	}
}

func (r *roller) limits() messages.PoolLimits {
	l := messages.PoolLimits{
		Size: r.choose(0, 1, 2, 8), Max: r.choose(1, 1, 2, 4, 64), Waiters: r.choose(0, 1, 4, 1024),
		DialTimeout: r.ms(5, 100),
	}
	if r.one(2) {
		l.TTL = r.ms(20, 3000)
	}
	if r.one(2) {
		l.IdleTimeout = r.ms(20, 3000)
	}
	return l
}

// chance returns a probability: mostly 0, sometimes more, rarely 1.
func (r *roller) chance(hostile bool) float64 {
	switch {
	case r.one(20) && hostile:
		return 1
	case r.one(3) && hostile, r.one(10):
		return float64(1+r.N(50)) / 100
	default:
		return 0
	}
}

func (r *roller) behaviour(hostile bool) Behaviour {
	b := Behaviour{Dial: r.ms(0, 5), Latency: r.ms(0, 20), Late: 0.3, Double: 0.1}
	if r.one(2) {
		b.Jitter = r.ms(0, 40)
	}
	if r.one(8) {
		b.Latency = r.ms(100, 2000)
	}
	b.Refuse, b.Blackhole, b.Unsent = r.chance(hostile), r.chance(hostile), r.chance(hostile)
	b.CutRequest, b.CutReply, b.Silent = r.chance(hostile), r.chance(hostile), r.chance(hostile)
	b.Fail, b.Garble = r.chance(false), r.chance(false)
	b.Streams = r.choose(0, 1, 2, 8, 100)
	b.Leave, b.Stall, b.Early = r.chance(hostile)/4, r.chance(hostile), r.chance(hostile)
	return b
}

// kinds returns a few random kinds of calls, as a program has a few call sites.
func (r *roller) kinds(services []Service) (kinds []Call) {
	for range 2 + r.N(6) {
		service := services[r.N(len(services))]
		c := Call{Service: service.Name, Attempts: 1 + r.N(5), Idempotent: r.one(2), Shared: r.one(3), Close: r.one(12), Size: 16 + r.N(64)}
		switch r.N(3) {
		case 0:
			c.Deadline = r.ms(5, 400)
		case 1:
			c.Timeout = r.ms(5, 400)
		default:
			c.AttemptTimeout = r.ms(5, 200)
			c.Deadline = r.ms(50, 1000)
		}
		if r.one(30) {
			c.Deadline, c.Timeout = 0, 0
		}
		if r.one(2) {
			c.HedgeAfter = r.ms(1, 40)
		}
		if r.one(2) {
			c.BackoffBase, c.BackoffCap = r.ms(1, 50), r.ms(50, 500)
		}
		if c.Idempotent {
			c.Wish = messages.Wish(r.choose(0, 0, 0, 1, 2))
		}
		if r.one(10) {
			c.Service = "addresses"
			for _, n := range service.Nodes {
				c.Addresses = append(c.Addresses, n.Address)
			}
		}
		if r.one(40) {
			c.Service, c.Addresses = "unknown", nil
		}
		kinds = append(kinds, c)
	}
	return kinds
}

// event returns a random change, and if it is temporary also its end.
func (r *roller) event(s Scenario, end time.Duration) []Event {
	service := s.Services[r.N(len(s.Services))]
	e := Event{
		At:   r.ms(0, int(end/time.Millisecond)),
		Node: service.Nodes[r.N(len(service.Nodes))].Address,
		Do:   Change(r.choose(int(Behave), int(Crash), int(Restart), int(Register), int(Deregister), int(RegistryDown), int(RegistryUp), int(SetLimits))),
	}
	undone := map[Change]Change{Crash: Restart, Deregister: Register, RegistryDown: RegistryUp}
	switch e.Do {
	case Behave:
		e.Behaviour = r.behaviour(r.one(2))
	case SetLimits:
		e.Limits = r.limits()
	case Crash, Deregister, RegistryDown:
		undo := e
		undo.Do = undone[e.Do]
		undo.At += r.ms(1, 3000)
		if e.Do == RegistryDown && r.one(2) {
			blank := undo
			blank.Do = RegistryBlank
			undo.At += r.ms(1, blankTime)
			return []Event{e, blank, undo}
		}
		if !r.one(8) {
			return []Event{e, undo}
		}
	case Restart, Register, RegistryUp, RegistryBlank: // mostly without effect
	}
	return []Event{e}
}
