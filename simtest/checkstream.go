// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"errors"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
)

// tick is how late a stream may end.
const tick = 2 * time.Millisecond

// checkOpening checks an opening request that is about to be sent.
func (s *sim) checkOpening(on *conn, st *stream) {
	switch {
	case st.inner != nil || st.over:
		s.violatef(StreamSilent, "stream %d is opened at %s, and was opened before", st.id, on.server.address)
	case st.openings > 0:
		s.violatef(ExecutedOnce, "stream %d is opened at %s, after an opening that has left", st.id, on.server.address)
	case !on.open && !on.shared():
		s.violatef(ConnectionsConserved, "stream %d uses connection %d to %s, which is closed", st.id, on.number, on.server.address)
	case !on.shared() && on.carries() > 0:
		s.violatef(ConnectionsConserved, "stream %d is opened on connection %d to %s, which is in use", st.id, on.number, on.server.address)
	}
}

// checkSend checks a frame that the client is about to send.
func (s *sim) checkSend(ch *channel, f frame) {
	st := ch.stream
	switch over := st.inner != nil && st.inner.Err() != nil; {
	case ch.ended:
		s.violatef(HalfCloseSeen, "stream %d sends something after its half-close", st.id)
	case ch.closed && ch.native(), over && f.kind == frameData:
		s.violatef(StreamSilent, "stream %d sends something after its end", st.id)
	}
}

// checkRecv checks a Recv that is about to wait for a frame.
func (s *sim) checkRecv(ch *channel) {
	if ch.closed && ch.native() {
		s.violatef(StreamSilent, "stream %d waits for something after its end", ch.stream.id)
	}
}

// checkHalfClose checks that the frame of a successful CloseSend was sent.
func (s *sim) checkHalfClose(st *stream) {
	ch := st.channel
	if gone := st.inner.Err() != nil || ch.finished() || ch.lost != nil || ch.closed; !gone && !ch.ended {
		s.violatef(HalfCloseSeen, "stream %d was half-closed, and the server is not told", st.id)
	}
}

// checkCallError checks an error that a stream has returned to its user.
func (s *sim) checkCallError(st *stream, what string, err error) {
	var failed *rpcerr.CallError
	if !s.stopping && !errors.As(err, &failed) {
		s.violatef(StreamEnds, "%s of stream %d gave the bare error %v", what, st.id, err)
	}
}

// checkUnopened checks a stream that could not be opened.
func (s *sim) checkUnopened(st *stream, err error) {
	s.checkCallError(st, "the opening", err)
	if st.limit != 0 && s.clock.now > st.limit && !s.stopping {
		s.violatef(InTime, "stream %d was not opened %s after the time for that", st.id, s.clock.now.Sub(st.limit))
	}
}

// quietStreams checks what must hold for streams when nothing is left to do at an
// instant.
func (s *sim) quietStreams() {
	s.open = slices.DeleteFunc(s.open, func(st *stream) bool {
		s.quietStream(st)
		return st.over
	})
}

func (s *sim) quietStream(st *stream) {
	late := func(at clock.Instant) bool { return at != 0 && s.clock.now >= at.Add(tick) }
	if st.inner == nil {
		switch {
		case st.busy == 0:
			st.over = true
		case late(st.limit), late(st.leftAt):
			s.violatef(StreamEnds, "stream %d is still being opened, and its time is over", st.id)
		}
		return
	}
	err := st.inner.Err()
	switch {
	case err == nil && st.verdict != nil, err != nil && st.verdict != nil && err.Error() != st.verdict.Error():
		s.violatef(StreamEnds, "stream %d has ended with %v, and then with %v", st.id, st.verdict, err)
	case err == nil && (late(st.bound) || late(st.leftAt)):
		s.violatef(StreamEnds, "stream %d has not ended, and its time is over", st.id)
	case err == nil && st.halfAt != 0 && st.hearing && !st.channel.native() && late(st.quietAt()):
		s.violatef(StreamEnds, "stream %d was half-closed, and its user still waits for a server that says nothing", st.id)
	case err == nil && late(st.toldAt):
		s.violatef(StreamEnds, "stream %d has told its user that it ended, and has not", st.id)
	case err == nil:
	case st.verdict == nil:
		st.verdict, st.endedAt = err, s.clock.now
		s.remind(s.clock.now)
	case st.waiting > 0 && late(st.endedAt):
		s.violatef(StreamEnds, "somebody still waits in a Send or Recv of stream %d, which has ended", st.id)
	}
	st.over = err != nil && st.busy == 0
}

// openings returns how many streams are being opened.
func (s *sim) openings() (n int) {
	for _, st := range s.open {
		if st.opening {
			n++
		}
	}
	return n
}

// checkKept checks a new view of a registered service: if a registry has failed and
// comes back without nodes, these must stay.
func (s *sim) checkKept(service *messages.Service, v *messages.View) {
	old := s.check.views[service]
	if len(service.Addresses) > 0 || old == nil || len(old.Nodes) == 0 || len(v.Nodes) > 0 {
		return
	}
	since, registered := s.world.registered(service.Name)
	if registered > 0 && s.clock.now.Sub(since) > removalTime {
		s.violatef(ViewKept, "the view of %s has become empty, and %d nodes are registered", service.Name, registered)
	}
}

// removalTime is how long a removal may still have an effect after it was undone:
// longer than any answer of the registry takes.
const removalTime = time.Second
