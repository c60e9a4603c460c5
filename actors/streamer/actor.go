// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/internal/planted"
	"example.com/mailcall/messages"
)

// streamActor owns the life of one stream: it decides how the stream ended,
// returns the connection, tells the selector, and stops.
type streamActor struct {
	*Stream
	state state
	self  messages.Ref[messages.StreamMessage]
	timer clock.Timer
}

// Receive implements actor.Actor.
func (a *streamActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.self = messages.NewRef[messages.StreamMessage](ctx.ActorSystem(), ctx.Self())
		a.started()
	case *actor.Stopping, *actor.Stopped:
		if a.timer != nil {
			a.timer.Stop()
		}
	case messages.StreamMessage:
		a.handle(ctx, m)
	default:
		ctx.Logger().Warn("stream: unexpected message", "type", fmt.Sprintf("%T", m))
	}
}

func (a *streamActor) started() {
	if a.state.deadline == 0 || a.timer != nil {
		return
	}
	a.timer = a.desk.Clock.Timer(func() { a.post(a.self, messages.StreamTick{}) })
	a.timer.Reset(a.state.deadline)
}

func (a *streamActor) handle(ctx actor.Context, m messages.StreamMessage) {
	what := nothing
	switch m := m.(type) {
	case messages.StreamEnded:
		var first bool
		if first, what = a.state.ended(m.Err, m.Fault); !first {
			return
		}
	case messages.CancelStream:
		if !a.state.cancelled(m.Err) || planted.StreamLeakedOnCancel {
			return
		}
	case messages.StreamTick:
		if !a.state.expired(a.desk.Clock.Now()) {
			return
		}
		a.state.cancelled(a.deadlineError())
	}
	a.finish(what)
	ctx.Stop(ctx.Self())
}

// deadlineError returns the error that says which bound ended the stream.
func (s *Stream) deadlineError() error {
	if s.fromContext {
		return fmt.Errorf("%w: %s", context.DeadlineExceeded, ctxerr.DeadlineReached)
	}
	return fmt.Errorf("%w: %s are over (StreamTimeout)", context.DeadlineExceeded, s.opening.Timeout)
}

// finish publishes how the stream ended and releases everything that it holds.
func (a *streamActor) finish(what verdict) {
	s := a.Stream
	err := a.state.err
	s.end.Store(&err)
	node := s.opened.Node
	node.Streams.Add(-1)
	node.InFlight.Add(-1)
	switch what {
	case faulty:
		s.opened.Service.Selector.Tell(messages.Mark{Node: node, Err: err})
	case answered:
		// The duration of a stream says nothing about the node's latency.
		s.opened.Service.Tally(node, node.Latency(), s.desk.Clock.Now())
	case nothing:
	}
	s.desk.Go(func() {
		defer s.giveBack()
		s.cancel(nil)  // first end a pending Send or Recv: hanging up may take time
		_ = s.hangUp() // a failure changes nothing
	})
	s.desk.remove(s)
}

// giveBack returns the connection to its pool, unless it is a shared one.
func (s *Stream) giveBack() {
	if conn := s.opened.Conn; conn.Shared == nil || !conn.Ready(0) {
		conn.Pool.Keeper.Tell(messages.Dropped{Conn: conn})
	}
}
