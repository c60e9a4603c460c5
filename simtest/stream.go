// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// stream is one stream of the scenario: its user, and what was seen of it. It
// implements caller.Exchange for the opening.
type stream struct {
	sim     *sim
	id      int
	spec    Stream
	ctx     *userContext
	inner   *streamer.Stream // nil until it was opened
	channel *channel         // of the last opening that left
	began   clock.Instant
	bound   clock.Instant // when it must have ended, 0: never
	limit   clock.Instant // when it must be open, 0: never

	opening  bool
	busy     int           // routines of its user
	waiting  int           // of those, in the client
	leftAt   clock.Instant // when its user gave it up, 0: has not
	endedAt  clock.Instant // when its end was seen first, 0: was not
	verdict  error         // that end
	toldAt   clock.Instant // when Recv told its user, 0: has not
	heardAt  clock.Instant // when something was received last
	halfAt   clock.Instant // when it was half-closed, 0: was not
	hearing  bool          // Recv waits
	over     bool
	openings int  // that left
	accepts  int  // by servers
	sent     int  // messages
	received int  // messages
	clean    bool // nothing that was sent can have got lost
}

func (s *sim) newStream(i int) *stream {
	spec := s.scenario.Streams[i]
	spec.Attempts = min(max(spec.Attempts, 1), 255)
	st := &stream{sim: s, id: i, spec: spec, clean: true}
	s.streams = append(s.streams, st)
	return st
}

// start is the user opening the stream and then using it.
func (st *stream) start() {
	s := st.sim
	st.began = s.clock.now
	st.ctx = s.newContext(st.spec.Deadline)
	st.bound = earliest(st.began, st.spec.Deadline, st.spec.Timeout)
	if st.limit = earliest(st.began, st.spec.Deadline); st.limit == 0 {
		st.limit = earliest(st.began, st.spec.OpenTimeout)
	}
	s.remind(st.bound)
	s.remind(st.limit)
	if st.spec.CancelAfter > 0 {
		s.clock.after(st.spec.CancelAfter, func() { st.leave(st.spec.StopByContext) })
	}
	s.open = append(s.open, st)
	st.busy++
	s.spawn(st.use)
}

// earliest is the first of the bounds that there are, from began, 0 for none.
func earliest(began clock.Instant, bounds ...time.Duration) (at clock.Instant) {
	for _, d := range bounds {
		if d > 0 && (at == 0 || began.Add(d) < at) {
			at = began.Add(d)
		}
	}
	return at
}

// remind has the clock stop shortly after an instant, so that what must be over
// is looked at.
func (s *sim) remind(at clock.Instant) {
	if at != 0 {
		s.clock.after(at.Sub(s.clock.now)+tick, func() {})
	}
}

// use is the routine of who opened the stream.
func (st *stream) use() {
	defer st.done()
	s := st.sim
	s.noteStream("stream", st, st.spec.Service)
	opened, err := st.open()
	if err != nil {
		s.noteStream("not opened", st)
		s.checkUnopened(st, err)
		return
	}
	st.inner = opened
	s.report.Stats.Streams++
	if st.spec.Kind != ServerStream {
		st.busy++
		s.spawn(func() {
			defer st.done()
			st.sends()
		})
	} else {
		st.closeSend()
	}
	st.receives()
}

func (st *stream) done() { st.busy-- }

func (st *stream) open() (*streamer.Stream, error) {
	s, plan := st.sim, st.plan()
	st.waiting++
	defer func() { st.waiting-- }()
	return s.runtime.Streams.Open(st.ctx, streamer.Opening{
		Service: plan.Service, Endpoint: plan.Endpoint, Timeout: plan.StreamTimeout, Quiet: st.spec.Quiet,
		Open: func(ctx context.Context) (messages.Opened, error) {
			st.opening = true
			defer func() { st.opening = false }()
			return s.runtime.Desk.Open(ctx, plan, st)
		},
	})
}

func (st *stream) plan() *caller.Plan {
	key := st.spec.Service
	if len(st.spec.Addresses) > 0 {
		key = strings.Join(st.spec.Addresses, ",")
	}
	return &caller.Plan{
		Service: st.spec.Service, Endpoint: "stream-" + strconv.Itoa(st.id), Key: key, Addresses: st.spec.Addresses,
		Timeout: st.spec.OpenTimeout, AttemptTimeout: st.spec.AttemptTimeout, Attempts: st.spec.Attempts,
		BackoffBase: time.Millisecond, BackoffCap: 10 * time.Millisecond,
		Stream: true, StreamTimeout: st.spec.Timeout,
	}
}

// sends is the routine of who sends.
func (st *stream) sends() {
	s := st.sim
	for n := range st.spec.Messages {
		if n > 0 && !s.sleep(st.spec.Gap) {
			return
		}
		m := transport.Message{Body: seal(st.id, n)}
		st.waiting++
		st.sent++ // the server may have it before Send returns
		err := st.inner.Send(&m)
		st.waiting--
		if err != nil {
			st.sent--
			st.clean = false
			st.refused("Send", err)
			return
		}
	}
	if st.spec.HalfClose {
		st.closeSend()
	}
}

func (st *stream) closeSend() {
	st.waiting++
	err := st.inner.CloseSend()
	st.waiting--
	if err != nil {
		st.refused("CloseSend", err)
		return
	}
	st.sim.checkHalfClose(st)
	st.halfAt = st.sim.clock.now
	st.remindQuiet()
}

// refused looks at an error of sending.
func (st *stream) refused(what string, err error) {
	st.sim.noteStream(what+" failed", st)
	if err != io.EOF { //nolint:errorlint // that alone is the good end
		st.sim.checkCallError(st, what, err)
	}
}

// receives is the routine of who receives.
func (st *stream) receives() {
	s := st.sim
	var m transport.Message
	for {
		if st.received == st.spec.StopAfter && st.spec.StopAfter > 0 {
			st.leave(st.spec.StopByContext)
			return
		}
		err := st.hear(&m)
		switch {
		case err != nil:
			st.ended(err)
			st.receiveMore()
			return
		case m.Header.Get(headError) != "":
			s.answered(st.plan().Key)
			st.ended(st.inner.Answered(errApplication))
			st.receiveMore()
			return
		}
		owner, seq := open(m.Body)
		if owner != st.id || seq != st.received {
			s.violatef(StreamOrder, "stream %d received message %d of stream %d, want number %d", st.id, seq, owner, st.received)
			return
		}
		st.received++
		s.report.Stats.Messages++
		if st.spec.ReadGap > 0 && !s.sleep(st.spec.ReadGap) {
			return
		}
	}
}

// hear waits for a message.
func (st *stream) hear(m *transport.Message) error {
	st.waiting++
	st.hearing = true
	defer func() {
		st.waiting--
		st.hearing = false
	}()
	err := st.inner.Recv(m)
	st.heardAt = st.sim.clock.now
	st.remindQuiet()
	return err
}

// remindQuiet has the clock stop where a half-closed stream on a lent
// connection ends because nobody says anything.
func (st *stream) remindQuiet() {
	if st.halfAt != 0 {
		st.sim.remind(st.quietAt())
	}
}

func (st *stream) quietAt() clock.Instant { return max(st.halfAt, st.heardAt).Add(st.spec.Quiet) }

// ended looks at the end of a stream as Recv told it.
func (st *stream) ended(err error) {
	s := st.sim
	s.noteStream("end", st, endName(err))
	st.toldAt = s.clock.now
	s.remind(s.clock.now)
	switch {
	case err == io.EOF: //nolint:errorlint // that alone is the good end
		s.report.Stats.GoodStreams++
		s.answered(st.plan().Key)
		if p := st.channel.peer; p.fate != abandons && st.received != p.sent {
			s.violatef(StreamOrder, "stream %d ended well with %d messages, and the server sent %d", st.id, st.received, p.sent)
		}
	case errors.Is(err, io.EOF): // the server said nothing for long enough
		s.answered(st.plan().Key)
	default:
		if st.channel != nil && st.channel.over != nil {
			s.answered(st.plan().Key)
		}
		s.checkCallError(st, "Recv", err)
	}
}

// receiveMore asks for more after the end.
func (st *stream) receiveMore() {
	s := st.sim
	if s.dice.N(2) == 0 || s.failed {
		return
	}
	var m transport.Message
	if s.dice.N(2) == 0 && !s.sleep(time.Duration(s.dice.N(10))*time.Millisecond) {
		return
	}
	st.waiting++
	err := st.inner.Recv(&m)
	st.waiting--
	if err == nil {
		s.violatef(StreamSilent, "stream %d received a message after its end", st.id)
	}
}

func endName(err error) string {
	var failed *rpcerr.CallError
	switch {
	case err == io.EOF: //nolint:errorlint // that alone is the good end
		return "good"
	case errors.As(err, &failed):
		return "failed"
	default:
		return "silence"
	}
}

// leave is the user giving the stream up: its context ends, or it is closed.
func (st *stream) leave(byContext bool) {
	s := st.sim
	if st.over || st.leftAt != 0 {
		return
	}
	s.noteStream("leave", st)
	st.leftAt = s.clock.now
	s.remind(s.clock.now)
	if byContext || st.inner == nil {
		st.ctx.end(context.Canceled)
		return
	}
	_ = st.inner.Close() // it returns nil
}

// sleep is a routine doing something else; false says that the run is over.
func (s *sim) sleep(d time.Duration) bool {
	until := s.clock.now.Add(d)
	return s.parkUntil(until, func() bool { return s.clock.now >= until })
}

// Encode implements caller.Exchange.
func (*stream) Encode() (brief bool, err error) { return false, nil }

// Fill implements caller.Exchange.
func (st *stream) Fill(_ context.Context, m *transport.Message, n *messages.Node, _ time.Duration) error {
	st.sim.check.nodes[n] = struct{}{}
	m.Header.Add(headStream, strconv.Itoa(st.id))
	return nil
}

// Judge implements caller.Exchange.
func (*stream) Judge(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*stream) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (*stream) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}

// Wrap implements caller.Exchange.
func (*stream) Wrap(*messages.Node, func(context.Context) error) error { return errApplication }

// Sent implements caller.Exchange.
func (*stream) Sent(bool) {}

// Keep implements caller.Exchange.
func (*stream) Keep() {}
