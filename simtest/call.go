// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/registry"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

var (
	errApplication = errors.New("simulated: the application says no")
	errGarbled     = errors.New("simulated: the reply cannot be decoded")
)

// requestLen is the least length of a request: the call and the attempt.
const requestLen = 16

// call is one call of the scenario: its context, what its facade knows, and
// what was seen of it.
type call struct {
	sim      *sim
	id       int
	spec     Call
	plan     *caller.Plan
	began    clock.Instant
	deadline clock.Instant // 0: none
	gone     bool          // the caller gave up
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

// blocking reports whether a call may meet a wire that somebody waits on.
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

// done takes the result.
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

// Encode implements caller.Exchange.
func (*call) Encode() (brief bool, err error) { return false, nil }

// Fill implements caller.Exchange.
func (c *call) Fill(_ context.Context, m *transport.Message, n *messages.Node, remaining time.Duration) error {
	c.sim.check.nodes[n] = struct{}{}
	c.chosen = n.Address
	if c.deadline != 0 {
		if left := c.deadline.Sub(c.sim.clock.now); remaining <= 0 || remaining > max(left, 1) {
			c.sim.violatef(InTime, "the server of call %d would be told %s, and %s are left", c.id, remaining, left)
		}
	}
	c.fills++
	c.panic(PanicFill)
	binary.LittleEndian.PutUint64(c.body, uint64(c.id)+1)
	binary.LittleEndian.PutUint64(c.body[8:], uint64(c.fills))
	m.Body = c.body
	return nil
}

// requestOf reads what Fill wrote.
func (s *sim) requestOf(m *transport.Message) (*call, uint64) {
	if len(m.Body) < requestLen {
		return nil, 0
	}
	id := binary.LittleEndian.Uint64(m.Body) - 1
	if id >= uint64(len(s.calls)) {
		return nil, 0
	}
	return s.calls[id], binary.LittleEndian.Uint64(m.Body[8:])
}

// Judge implements caller.Exchange.
func (c *call) Judge(m *transport.Message, _ *messages.Node, _ error) error {
	if !c.own("judged", m) {
		return errGarbled
	}
	c.panic(PanicJudge)
	if m.Body[0] == replyFailed {
		return errApplication
	}
	return nil
}

// Decode implements caller.Exchange.
func (c *call) Decode(m *transport.Message) error {
	if c.decodes++; c.decodes > 1 {
		c.sim.violatef(OwnReply, "the value of call %d was touched a second time", c.id)
	}
	if !c.own("decoded", m) {
		return errGarbled
	}
	c.panic(PanicDecode)
	if m.Body[0] == replyGarbled {
		return errGarbled
	}
	return nil
}

// own demands that a reply is one to this call, which is not over.
func (c *call) own(done string, m *transport.Message) bool {
	s := c.sim
	switch {
	case c.over:
		s.violatef(OwnReply, "a reply was %s for call %d, which has its result", done, c.id)
	case m == nil || len(m.Body) != replyLen:
		s.violatef(OwnReply, "nothing was %s for call %d", done, c.id)
	case binary.LittleEndian.Uint64(m.Body[1:]) != uint64(c.id):
		s.violatef(OwnReply, "a reply to call %d was %s for call %d", binary.LittleEndian.Uint64(m.Body[1:]), done, c.id)
	default:
		return true
	}
	return false
}

// Retry implements caller.Exchange.
func (c *call) Retry(int, error) (messages.Wish, time.Duration, error) {
	c.panic(PanicRetry)
	return c.spec.Wish, -1, nil
}

// Wrap implements caller.Exchange.
func (c *call) Wrap(_ *messages.Node, do func(context.Context) error) error {
	return do((*callContext)(c))
}

// Sent implements caller.Exchange.
func (*call) Sent(bool) {}

// Keep implements caller.Exchange.
func (*call) Keep() {}

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

// watchedPicker sees which nodes a call chooses.
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

// callContext is the caller's context, in virtual time.
type callContext call

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) {
	if c.spec.Deadline <= 0 {
		return time.Time{}, false
	}
	return c.sim.clock.Time(c.deadline), true
}

// Done implements context.Context. Nobody waits in a simulation.
func (*callContext) Done() <-chan struct{} { return nil }

// Err implements context.Context.
func (c *callContext) Err() error {
	switch {
	case c.gone:
		return context.Canceled
	case c.spec.Deadline > 0 && c.sim.clock.now >= c.deadline:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context.
func (*callContext) Value(any) any { return nil }

// attempts is how many attempts at nodes an error tells of.
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
