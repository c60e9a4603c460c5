// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/selector"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
)

// name is the prefix of all actors of a run.
const name = "sim"

// maxStepsAtOnce is how many steps may be taken at one instant before the run counts
// as an endless loop.
const maxStepsAtOnce = 200_000

// closeTime is how long closing the client may take, from the horizon. It takes as
// long as the slowest dial.
const closeTime = 2 * time.Minute

// sim is one run.
type sim struct {
	scenario Scenario
	clock    *virtual
	dice     dice.Dice // for the world
	order    dice.Dice // for the choice of the next step
	ready    []func()
	history  history
	report   Report
	runtime  *actors.Runtime
	system   *actor.ActorSystem
	world    *world
	calls    []*call
	live     []*call
	plans    map[string]*caller.Plan // of calls that are alike
	over     int                     // calls that have a result
	streams  []*stream
	open     []*stream // those that have begun and are not over
	begun    uint64    // exchanges

	publishes  []*publish
	publishing []*publish

	routines  []*routine
	spare     []*routine // without work
	running   *routine
	followers []*follower
	pending   int  // streams and publishes that have not begun
	stopping  bool // the run is over
	failed    bool
	closedAt  clock.Instant       // 0: not yet
	limits    messages.PoolLimits // the widest that were ever in force

	check checks
	asked messages.Judge // the case that the retrier looks at now
	spy   *actor.PID
}

// Run runs the scenario with the seed and checks the invariants after each step. The
// same seed and scenario give the same report, on every machine. Run uses no other
// goroutines and is safe for concurrent use.
func Run(seed uint64, scenario Scenario) Report {
	s := newSim(seed, scenario)
	s.begin()
	s.play(func() bool { return s.allOver() && s.clock.world == 0 })
	s.settle()
	s.shut()
	s.dismiss()
	s.system.Shutdown()
	s.report.Hash = s.history.hash
	s.report.Stats.Elapsed = s.elapsed()
	s.report.Stats.Calls = len(s.calls)
	for _, c := range s.calls {
		s.report.Errors = append(s.report.Errors, c.err)
	}
	if scenario.Record || s.failed {
		s.report.History = string(s.history.text)
	}
	return s.report
}

func newSim(seed uint64, scenario Scenario) *sim {
	if scenario.MaxCalls <= 0 {
		scenario.MaxCalls = 1024
	}
	if scenario.MaxServices <= 0 {
		scenario.MaxServices = 1024
	}
	if scenario.MaxStreams <= 0 {
		scenario.MaxStreams = 1024
	}
	if scenario.LookupTime <= 0 {
		scenario.LookupTime = time.Millisecond
	}
	if scenario.Picker == nil {
		scenario.Picker = selector.P2C{}
	}
	if scenario.Horizon <= 0 {
		for _, c := range scenario.Calls {
			scenario.Horizon = max(scenario.Horizon, c.At)
		}
		for _, st := range scenario.Streams {
			scenario.Horizon = max(scenario.Horizon, st.At)
		}
		for _, p := range scenario.Publishes {
			scenario.Horizon = max(scenario.Horizon, p.At)
		}
		for _, e := range scenario.Events {
			scenario.Horizon = max(scenario.Horizon, e.At)
		}
		scenario.Horizon += time.Minute
	}
	source := dice.NewSource(seed)
	s := &sim{
		scenario: scenario, clock: newClock(), dice: source.Dice(), order: source.Dice(),
		plans: make(map[string]*caller.Plan), limits: scenario.Limits,
		report: Report{Seed: seed},
	}
	s.history.hash = fnvOffset
	s.check.init()
	s.world = newWorld(s)
	return s
}

// begin starts the client and sets timers for everything that will happen.
func (s *sim) begin() {
	s.system = actor.NewActorSystem(actor.WithLoggerFactory(
		func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	// The system's default event stream starts a goroutine for each series of dead
	// letters.
	s.system.EventStream = eventstream.NewEventStream()
	s.system.EventStream.Subscribe(s.deadLetter)
	s.spy, _ = s.system.ProcessRegistry.Add(spy{s}, name+"-spy")
	config := actors.Config{
		System: s.system, Name: name, Clock: s.clock, Seed: s.dice.Uint64(),
		Limits: s.scenario.Limits, Policy: s.policy(), Budget: s.scenario.Budget,
		MaxCalls: s.scenario.MaxCalls, MaxStreams: s.scenario.MaxStreams, MaxServices: s.scenario.MaxServices,
		Transports: map[string]transport.Transport{sharedTransport: multiplexed{}},
		Simulation: &actors.Simulation{
			Dispatcher: dispatcher{s}, Mailbox: s.mailbox, Panicked: s.panicked,
			Schedule: func(turns func()) { s.ready = append(s.ready, turns) },
			Go:       s.spawn, Park: s.parkCall, AfterFunc: s.afterFunc,
			Dial: s.world.dial, Lookup: s.world.lookup, Watch: s.world.watch,
		},
	}
	if len(s.scenario.Publishes) > 0 {
		config.Broker = &simBroker{s, s.scenario.Broker}
	}
	r, err := actors.New(config)
	if err != nil {
		s.violatef(NothingLeft, "the client does not start: %v", err)
		return
	}
	s.runtime = r
	for i := range s.scenario.Calls {
		c := s.newCall(i)
		s.clock.after(c.spec.At, c.start)
	}
	for i := range s.scenario.Streams {
		st := s.newStream(i)
		s.schedule(st.spec.At, st.start)
	}
	for i := range s.scenario.Publishes {
		p := s.newPublish(i)
		s.schedule(p.spec.At, p.start)
	}
	for i := range s.scenario.Events {
		e := s.scenario.Events[i]
		s.clock.after(e.At, func() { s.world.happen(e) })
	}
}

// schedule begins a stream or a publish at the given time.
func (s *sim) schedule(at time.Duration, begin func()) {
	s.pending++
	s.clock.after(at, func() {
		s.pending--
		begin()
	})
}

// allOver reports whether nothing is in flight or will be.
func (s *sim) allOver() bool { return s.over == len(s.calls) && s.pending+s.inFlight() == 0 }

func (s *sim) policy() messages.SelectorPolicy {
	return messages.SelectorPolicy{Picker: s.scenario.Picker, Transport: "sim"}
}

// play runs until done, which is checked when nothing is left to do at an instant.
func (s *sim) play(done func() bool) {
	horizon := start.Add(s.scenario.Horizon)
	if s.scenario.CloseAt > 0 {
		horizon = start.Add(s.scenario.CloseAt)
	}
	for !s.failed {
		s.drain()
		if s.failed || done() {
			return
		}
		if len(s.ready) > 0 {
			continue
		}
		next, some := s.clock.next()
		if !some || next > horizon {
			return
		}
		s.clock.now = next
	}
}

// drain takes steps until nothing is left to do at this instant.
func (s *sim) drain() {
	for n := 0; !s.failed; n++ {
		due := 0
		if next, some := s.clock.next(); some && next <= s.clock.now {
			due = 1
		}
		if len(s.ready)+due == 0 {
			s.quiet()
			return
		}
		if n > maxStepsAtOnce {
			s.violatef(InTime, "%d steps were taken and time stands still", n)
			return
		}
		s.step(due)
	}
}

// step does one of the things that are due, chosen at random.
func (s *sim) step(due int) {
	s.report.Stats.Steps++
	defer func() {
		if p := recover(); p != nil {
			s.violatef(PanicContained, "the client panicked: %v\n%s", p, debug.Stack())
		}
	}()
	i := s.order.N(len(s.ready) + due)
	if i == len(s.ready) {
		s.clock.pop().fire()
	} else {
		turn := s.ready[i]
		last := len(s.ready) - 1
		s.ready[i] = s.ready[last]
		s.ready[last] = nil
		s.ready = s.ready[:last]
		turn()
	}
	s.rouse()
	s.stepped()
}

// settle waits until nothing is in progress in the world.
func (s *sim) settle() {
	if s.failed || s.scenario.CloseAt > 0 {
		return
	}
	s.play(func() bool { return s.clock.world == 0 })
	s.hung()
	if s.allOver() && !s.failed {
		s.idle()
	}
}

// shut closes the client and checks that it has left nothing behind.
func (s *sim) shut() {
	if s.failed {
		return
	}
	s.note("close")
	over := s.runtime.Shut()
	s.closedAt = s.clock.now
	s.remind(s.closedAt)
	for _, st := range s.open {
		if st.leftAt == 0 {
			st.leftAt = s.closedAt
		}
	}
	s.scenario.CloseAt, s.scenario.Horizon = 0, max(s.scenario.Horizon, s.elapsed())+closeTime
	s.play(func() bool { return over() && len(s.ready) == 0 && s.allOver() && s.clock.world == 0 })
	if !s.failed {
		s.left(over())
	}
}

// violatef records a violation, which ends the run.
func (s *sim) violatef(i Invariant, format string, args ...any) {
	if s.stopping {
		return
	}
	v := Violation{Invariant: i, At: s.elapsed(), Step: s.report.Stats.Steps, What: fmt.Sprintf(format, args...)}
	s.report.Violations = append(s.report.Violations, v)
	s.failed = true
	s.note("VIOLATED", v.Invariant.String())
}
