// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"errors"
	"io"
	"time"

	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/internal/clock"
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

// start starts the user, who opens the stream and then uses it.
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

// earliest returns the first of the bounds, from began; 0 if there is none.
func earliest(began clock.Instant, bounds ...time.Duration) (at clock.Instant) {
	for _, d := range bounds {
		if d > 0 && (at == 0 || began.Add(d) < at) {
			at = began.Add(d)
		}
	}
	return at
}

// remind makes the clock stop shortly after an instant, so that what must have ended
// by then is checked.
func (s *sim) remind(at clock.Instant) {
	if at != 0 {
		s.clock.after(at.Sub(s.clock.now)+tick, func() {})
	}
}

// use is the routine that opens the stream.
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

// sends is the routine that sends.
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

// refused checks an error of Send or CloseSend.
func (st *stream) refused(what string, err error) {
	st.sim.noteStream(what+" failed", st)
	if err != io.EOF { //nolint:errorlint // that alone is the good end
		st.sim.checkCallError(st, what, err)
	}
}

// receives is the routine that receives.
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

// remindQuiet makes the clock stop when a half-closed stream on a connection of its
// own ends because nothing was received.
func (st *stream) remindQuiet() {
	if st.halfAt != 0 {
		st.sim.remind(st.quietAt())
	}
}

func (st *stream) quietAt() clock.Instant {
	return max(st.halfAt, st.heardAt).Add(st.spec.HalfCloseWait)
}

// ended checks the end of a stream that Recv has returned.
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

// receiveMore calls Recv again after the end.
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

// leave makes the user stop: it cancels the context or closes the stream.
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

// sleep lets time pass in a routine; it returns false if the run is over.
func (s *sim) sleep(d time.Duration) bool {
	until := s.clock.now.Add(d)
	return s.parkUntil(until, func() bool { return s.clock.now >= until })
}
