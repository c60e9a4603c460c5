// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// brokerName is what the broker is called, and brokerKey how the client finds it.
const (
	brokerName = "simulated"
	brokerKey  = messages.Broker + ":" + brokerName
)

var errNoBroker = errors.New("simulated: the broker cannot be connected")

// simBroker is a broker.
type simBroker struct {
	sim       *sim
	behaviour Behaviour
}

var (
	_ broker.Broker    = (*simBroker)(nil)
	_ broker.Connecter = (*simBroker)(nil)
)

// String implements broker.Broker.
func (*simBroker) String() string { return brokerName }

// Connect implements broker.Connecter. The context is in real time, so the time
// limit is kept here.
func (b *simBroker) Connect(context.Context) error {
	s := b.sim
	s.note("connect")
	limit, took := s.scenario.Limits.DialTimeout, b.behaviour.Dial
	if s.world.rolls(b.behaviour.Blackhole) {
		took = limit
	}
	if !s.sleep(min(took, limit)) {
		return errStopped
	}
	if took >= limit || s.world.rolls(b.behaviour.Refuse) {
		s.note("connect failed")
		return errNoBroker
	}
	return nil
}

// Subscribe implements broker.Broker.
func (*simBroker) Subscribe(context.Context, string, broker.Handler, ...broker.SubscribeOption) (broker.Subscription, error) {
	return nil, errors.ErrUnsupported
}

// Publish implements broker.Broker.
func (b *simBroker) Publish(ctx context.Context, topic string, m *broker.Message) error {
	s := b.sim
	p := s.publishOf(topic, m)
	if p == nil {
		s.violatef(OwnReply, "a message of nobody was published to %q", topic)
		return errReset
	}
	s.notePublish("hand over", p)
	s.checkPublish(p)
	p.tries++
	p.running = true
	defer func() { p.running = false }()
	be := b.behaviour
	if s.world.rolls(be.Unsent) {
		return broker.NotSent(errReset)
	}
	if err := b.wait(ctx, be.Latency/2); err != nil {
		return err
	}
	if s.world.rolls(be.CutRequest) {
		return errReset
	}
	if s.world.rolls(be.Fail) {
		s.answered(brokerKey)
		return broker.ErrNoSubscribers
	}
	p.taken++
	s.checkTaken(p)
	switch {
	case s.world.rolls(be.Silent):
		return b.wait(ctx, time.Hour)
	case s.world.rolls(be.CutReply):
		return errReset
	}
	if err := b.wait(ctx, be.Latency/2); err != nil {
		return err
	}
	s.answered(brokerKey)
	return nil
}

// wait lets time pass, until the context's deadline at the latest.
func (b *simBroker) wait(ctx context.Context, d time.Duration) error {
	s := b.sim
	until, bounded := s.clock.now.Add(d), false
	if t, ok := ctx.Deadline(); ok && s.world.rolls(0.5) && s.clock.Instant(t) <= until {
		until, bounded = s.clock.Instant(t), true
	}
	if !s.parkUntil(until, func() bool { return s.clock.now >= until || ctx.Err() != nil }) {
		return errStopped
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("simulated broker: %w", ctx.Err())
	case bounded:
		return fmt.Errorf("simulated broker: %w", os.ErrDeadlineExceeded)
	}
	return nil
}

// publish is one publish of the scenario.
type publish struct {
	sim      *sim
	id       int
	spec     Publish
	ctx      *userContext
	deadline clock.Instant // 0: none
	over     bool
	running  bool // the broker has it
	tries    int
	taken    int
	err      error
}

func (s *sim) newPublish(i int) *publish {
	spec := s.scenario.Publishes[i]
	spec.Attempts = min(max(spec.Attempts, 1), 255)
	p := &publish{sim: s, id: i, spec: spec}
	s.publishes = append(s.publishes, p)
	return p
}

func (s *sim) publishOf(topic string, m *broker.Message) *publish {
	if len(m.Body) != 8 {
		return nil
	}
	id := binary.LittleEndian.Uint64(m.Body)
	if id >= uint64(len(s.publishes)) || topic != s.publishes[id].topic() {
		return nil
	}
	return s.publishes[id]
}

func (p *publish) topic() string { return "topic-" + strconv.Itoa(p.id%3) }

func (p *publish) start() {
	s := p.sim
	p.ctx = s.newContext(p.spec.Deadline)
	bound := p.spec.Deadline
	if bound == 0 {
		bound = p.spec.Timeout
	}
	p.deadline = earliest(s.clock.now, bound)
	s.remind(p.deadline)
	if p.spec.CancelAfter > 0 {
		s.clock.after(p.spec.CancelAfter, func() { p.ctx.end(context.Canceled) })
	}
	s.publishing = append(s.publishing, p)
	s.notePublish("publish", p)
	s.spawn(func() {
		p.err = s.runtime.Desk.Do(p.ctx, &caller.Plan{
			Service: "broker", Endpoint: p.topic(), Key: brokerKey,
			Addresses: []string{brokerName}, Transport: messages.Broker,
			Timeout: p.spec.Timeout, AttemptTimeout: p.spec.AttemptTimeout, Attempts: p.spec.Attempts,
			Idempotent: p.spec.Idempotent, BackoffBase: time.Millisecond, BackoffCap: 20 * time.Millisecond,
		}, p)
		p.done()
	})
}

// done records the result.
func (p *publish) done() {
	s := p.sim
	outcome := "good"
	if p.err != nil {
		outcome = "failed"
	}
	s.notePublish("published", p, outcome)
	p.over = true
	s.publishing = slices.DeleteFunc(s.publishing, func(q *publish) bool { return p == q })
	s.report.Stats.Publishes++
	if p.err == nil {
		s.report.Stats.GoodPublishes++
	}
	var failed *rpcerr.CallError
	switch {
	case s.stopping:
	case p.deadline != 0 && s.clock.now > p.deadline:
		s.violatef(InTime, "publish %d got its result %s after its deadline", p.id, s.clock.now.Sub(p.deadline))
	case p.running:
		s.violatef(NothingAfterResult, "publish %d has its result, and the broker is still at it", p.id)
	case p.err == nil && p.taken == 0:
		s.violatef(OwnReply, "publish %d is good, and the broker did not take it", p.id)
	case p.err != nil && !errors.As(p.err, &failed):
		s.violatef(OneResult, "publish %d got the bare error %v", p.id, p.err)
	}
}

// checkPublish checks a message that is handed to the broker.
func (s *sim) checkPublish(p *publish) {
	switch {
	case p.over:
		s.violatef(NothingAfterResult, "publish %d is handed to the broker after its result", p.id)
	case p.running:
		s.violatef(WithinBudget, "publish %d is handed to the broker twice at once", p.id)
	case p.tries >= p.spec.Attempts:
		s.violatef(WithinBudget, "attempt %d of publish %d begins, which may make %d", p.tries+1, p.id, p.spec.Attempts)
	}
}

// checkTaken checks a message that the broker has accepted.
func (s *sim) checkTaken(p *publish) {
	if p.taken > 1 && !p.spec.Idempotent {
		s.violatef(ExecutedOnce, "publish %d is published the %d. time, and is not idempotent", p.id, p.taken)
	}
}

// Encode implements caller.Exchange.
func (*publish) Encode() (brief bool, err error) { return false, nil }

// Fill implements caller.Exchange.
func (p *publish) Fill(_ context.Context, m *transport.Message, n *messages.Node, _ time.Duration) error {
	p.sim.check.nodes[n] = struct{}{}
	m.Header.Add(messages.PublishTo, p.topic())
	m.Body = binary.LittleEndian.AppendUint64(nil, uint64(p.id))
	return nil
}

// ReplyError implements caller.Exchange.
func (*publish) ReplyError(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*publish) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (*publish) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}

// Wrap implements caller.Exchange.
func (*publish) Wrap(*messages.Node, func(context.Context) error) error { return errApplication }

// Sent implements caller.Exchange.
func (*publish) Sent(bool) {}

// Keep implements caller.Exchange.
func (*publish) Keep() {}
