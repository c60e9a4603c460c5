// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
)

var (
	errApplication = errors.New("simulated: the application says no")
	errGarbled     = errors.New("simulated: the reply cannot be decoded")
)

// requestLen is the least length of a request: the call and the attempt.
const requestLen = 16

// call is one call of the scenario: its context, what package api would know about
// it, and what was observed.
type call struct {
	sim      *sim
	id       int
	spec     Call
	plan     *caller.Plan
	began    clock.Instant
	deadline clock.Instant // 0: none
	gone     bool          // the caller has cancelled it
	started  bool
	over     bool
	err      error
	cancel   func(error)

	fills, begins, picks, decodes, executions int
	panicked                                  bool
	running                                   []*exchange
	body                                      []byte
	chosen                                    string // the node that the last request was written for
}

func (s *sim) newCall(i int) *call {
	spec := s.scenario.Calls[i]
	spec.Attempts = min(max(spec.Attempts, 1), 255)
	spec.Size = max(spec.Size, requestLen)
	if spec.Wish == messages.WantRetry {
		spec.Idempotent = true
	}
	c := &call{sim: s, id: i, spec: spec, body: make([]byte, spec.Size)}
	s.calls = append(s.calls, c)
	return c
}

// start makes the call.
func (c *call) start() {
	s := c.sim
	c.began, c.started = s.clock.now, true
	bound := c.spec.Deadline
	if bound == 0 {
		bound = c.spec.Timeout
	}
	if bound > 0 {
		c.deadline = c.began.Add(bound)
	}
	c.plan = c.makePlan()
	if c.spec.CancelAfter > 0 {
		s.clock.after(c.spec.CancelAfter, c.giveUp)
	}
	s.live = append(s.live, c)
	s.noteCall("call", c, c.spec.Service)
	if !s.blocking(c) {
		c.cancel = s.runtime.Desk.Start((*callContext)(c), c.plan, c, c.done)
		return
	}
	ctx := s.newContext(c.spec.Deadline)
	c.cancel = func(error) { ctx.end(context.Canceled) }
	s.spawn(func() { c.done(s.runtime.Desk.Do(ctx, c.plan, c)) })
}

// blocking reports whether a call may use a connection on which it has to block.
func (s *sim) blocking(c *call) bool {
	for _, v := range s.world.order {
		if v.wire == WireExclusive && (v.service == c.spec.Service || slices.Contains(c.spec.Addresses, v.address)) {
			return true
		}
	}
	return false
}

func (c *call) makePlan() *caller.Plan {
	key := c.spec.Service
	if len(c.spec.Addresses) > 0 {
		key = strings.Join(c.spec.Addresses, ",")
	}
	p := &caller.Plan{
		Service: c.spec.Service, Endpoint: strconv.Itoa(c.id), Key: key, Addresses: c.spec.Addresses,
		Timeout: c.spec.Timeout, AttemptTimeout: c.spec.AttemptTimeout, Attempts: c.spec.Attempts,
		HedgeAfter: c.spec.HedgeAfter, Idempotent: c.spec.Idempotent, Close: c.spec.Close,
		BackoffBase: c.spec.BackoffBase, BackoffCap: c.spec.BackoffCap,
	}
	if !c.spec.Shared {
		p.Picker = watchedPicker{c}
		if c.spec.Panic == PanicFilter {
			p.Filters = []messages.Filter{func(records []*registry.Service) []*registry.Service {
				c.panic(PanicFilter)
				return records
			}}
		}
		return p
	}
	p.Endpoint = "shared"
	kind := fmt.Sprint(key, p.Timeout, p.AttemptTimeout, p.Attempts, p.HedgeAfter, p.Idempotent, p.Close, p.BackoffBase, p.BackoffCap)
	if c.sim.plans[kind] == nil {
		c.sim.plans[kind] = p
	}
	return c.sim.plans[kind]
}

func (c *call) giveUp() {
	if c.over {
		return
	}
	c.gone = true
	c.sim.noteCall("give up", c)
	c.cancel(fmt.Errorf("the caller gave up: %w", context.Canceled))
}

// done records the result.
func (c *call) done(err error) {
	s := c.sim
	if s.stopping {
		return
	}
	outcome := "good"
	if err != nil {
		outcome = "failed"
	}
	s.noteCall("result", c, outcome)
	if c.over {
		s.violatef(OneResult, "call %d got a second result: %v", c.id, err)
		return
	}
	c.over, c.err = true, err
	s.over++
	s.live = slices.DeleteFunc(s.live, func(d *call) bool { return c == d })
	if err == nil {
		s.report.Stats.Good++
	}
	s.checkResult(c)
}

// planned is what user code panics with.
type planned struct{ at Panic }

func (c *call) panic(at Panic) {
	if c.spec.Panic == at && !c.panicked {
		c.panicked = true
		c.sim.report.Stats.Panics++
		c.sim.noteCall("panic", c)
		panic(planned{at}) //nolint:forbidigo // the panic of a user is what this is about
	}
}

// watchedPicker checks which nodes a call chooses.
type watchedPicker struct{ call *call }

// Pick implements messages.Picker.
func (p watchedPicker) Pick(ready, tried []*messages.Node, d messages.Dice) *messages.Node {
	c := p.call
	c.panic(PanicPick)
	n := c.sim.scenario.Picker.Pick(ready, tried, d)
	c.picks++
	c.sim.checkPick(c, ready, n)
	return n
}

// attempts returns how many attempts at nodes are recorded in an error.
func attempts(err error) (n int) {
	if failed, is := errors.AsType[*rpcerr.CallError](err); is {
		for _, a := range failed.Attempts {
			if a.Node != "" {
				n++
			}
		}
	}
	return n
}
