// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// errHalfClosed is returned by a Send after CloseSend.
var errHalfClosed = fmt.Errorf("%w: the stream was half-closed (CloseSend); nothing more can be sent", rpcerr.ErrInvalidArgument)

// errClosedByUser is the error of a stream that its user has closed.
var errClosedByUser = fmt.Errorf("%w: the stream was closed by its user", rpcerr.ErrClosed)

// Stream is the user's end of an open stream. Send and CloseSend may be called
// by one goroutine at a time, and so may Recv; the other methods are safe for
// concurrent use.
type Stream struct {
	desk        *Desk
	number      uint64 // in the order in which they were admitted
	opening     Opening
	ctx         context.Context //nolint:containedctx // the stream lives as long
	cancel      context.CancelCauseFunc
	began       clock.Instant
	fromContext bool          // the deadline is the context's, not StreamTimeout
	until       clock.Instant // the deadline, 0: none
	opened      messages.Opened
	wire        transport.Stream
	ref         messages.Ref[messages.StreamMessage]

	mu    sync.Mutex
	ready bool // the fields above are set; guarded by mu

	// told is the end that Recv or Answered has returned; later calls return the
	// same, whatever still arrives. Only the receiving goroutine touches it.
	told error
	// end is how the stream ended, published by its actor. news is the first end
	// that Send or Recv has reported to the actor, which may not know it yet.
	end, news atomic.Pointer[error]
	// answered says that the service ended the stream with an error, which Recv has
	// returned.
	answered atomic.Bool

	seen watched
}

// watched is what the inspector reads; the sending and the receiving goroutine
// write it.
type watched struct {
	sent, sentBytes, received, receivedBytes atomic.Int64
	sending, receiving                       atomic.Int64 // since when, an Instant; 0: not
	halfClosed, closed                       atomic.Bool
}

func (s *Stream) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// Node returns the node at which the stream is open.
func (s *Stream) Node() *messages.Node { return s.opened.Node }

// Err returns how the stream ended: nil while it has not, io.EOF for the normal
// end.
func (s *Stream) Err() error {
	if err := s.end.Load(); err != nil {
		return *err
	}
	if err := s.news.Load(); err != nil {
		return *err // Send or Recv has reported it, and the actor may not know yet
	}
	if s.seen.closed.Load() {
		return errClosedByUser // the actor is about to publish the same
	}
	return nil
}

// Send writes one message. It blocks while the peer does not read, until the
// stream's deadline at the latest.
func (s *Stream) Send(m *transport.Message) error {
	if err := s.refusal(); err != nil {
		return err
	}
	s.seen.sending.Store(int64(s.desk.Clock.Now()))
	err := s.send(m)
	s.seen.sending.Store(0)
	switch {
	case err == nil:
		s.seen.sent.Add(1)
		s.seen.sentBytes.Add(int64(len(m.Body)))
		return nil
	case good(err), errors.Is(err, transport.ErrAnswered), good(s.Err()), s.answered.Load():
		return io.EOF // the service has ended the stream; Recv returns how
	case s.Err() == nil && unfit(err):
		return s.failed(rpcerr.PhaseSend, rpcerr.NotSent, err) // the message failed, not the stream
	}
	return s.broke(rpcerr.PhaseSend, err)
}

// unfit reports whether err is about a single message that was not sent, rather
// than about the stream. A transport returns such errors for a closed stream too.
func unfit(err error) bool {
	return errors.Is(err, rpcerr.ErrInvalidArgument) || errors.Is(err, transport.ErrInvalid) || errors.Is(err, transport.ErrTooLarge)
}

func (s *Stream) send(m *transport.Message) (err error) {
	defer guard.Catch("transport", &err)
	return s.wire.Send(m)
}

// refusal returns why nothing can be sent, nil if it can.
func (s *Stream) refusal() error {
	switch err := s.Err(); {
	case s.seen.halfClosed.Load():
		return s.failed(rpcerr.PhaseSend, rpcerr.NotSent, errHalfClosed)
	case err == nil:
		return nil
	case good(err), s.answered.Load():
		return io.EOF
	default:
		return s.failed(rpcerr.PhaseSend, rpcerr.NotSent, err)
	}
}

// CloseSend ends the sending direction of the stream; Recv goes on.
func (s *Stream) CloseSend() (err error) {
	if s.seen.halfClosed.Swap(true) || s.Err() != nil {
		return nil
	}
	defer guard.Catch("transport", &err)
	switch err := s.wire.CloseSend(); {
	case err == nil, good(err), errors.Is(err, transport.ErrAnswered):
		return nil
	case errors.Is(err, transport.ErrInvalid):
		s.seen.halfClosed.Store(false)
		return s.failed(rpcerr.PhaseSend, rpcerr.NotSent, err) // another Send is running
	default:
		return s.broke(rpcerr.PhaseSend, err)
	}
}

// Recv reads the next message, which is valid until the next Recv. The normal
// end is io.EOF.
func (s *Stream) Recv(m *transport.Message) error {
	if s.told == nil {
		s.told = s.receive(m)
	}
	return s.told
}

func (s *Stream) receive(m *transport.Message) error {
	if err := s.Err(); err != nil {
		if good(err) {
			return err
		}
		return s.failed(rpcerr.PhaseWait, rpcerr.SentUnknown, err)
	}
	s.seen.receiving.Store(int64(s.desk.Clock.Now()))
	err := s.recv(m)
	s.seen.receiving.Store(0)
	switch {
	case err == nil && s.seen.closed.Load():
		return s.failed(rpcerr.PhaseWait, rpcerr.SentUnknown, errClosedByUser)
	case err == nil:
		s.seen.received.Add(1)
		s.seen.receivedBytes.Add(int64(len(m.Body)))
		return nil
	case good(err) && !s.overdue():
		s.tell(messages.StreamEnded{Err: err}, err)
		return err
	case good(err):
		return s.broke(rpcerr.PhaseWait, os.ErrDeadlineExceeded)
	case errors.Is(err, transport.ErrAnswered):
		return s.Answered(errors.Unwrap(err))
	}
	return s.broke(rpcerr.PhaseWait, err)
}

func (s *Stream) recv(m *transport.Message) (err error) {
	defer guard.Catch("transport", &err)
	return s.wire.Recv(m)
}

// tell reports an end to the actor, and publishes it as news until the actor has
// handled it.
func (s *Stream) tell(m messages.StreamMessage, err error) {
	if s.news.CompareAndSwap(nil, &err) && s.end.Load() == nil {
		s.ref.Tell(m)
	}
}

// post sends the actor a message, unless it has ended the stream or is about to:
// then it stops, and the actor system, which may be the user's, would report a dead
// letter.
func (s *Stream) post(to messages.Ref[messages.StreamMessage], m messages.StreamMessage) {
	if s.end.Load() == nil && s.news.Load() == nil {
		to.Tell(m)
	}
}

// Answered ends the stream with an error that the service has sent. Only the
// receiving goroutine may call it.
func (s *Stream) Answered(err error) error {
	if s.overdue() {
		s.told = s.broke(rpcerr.PhaseWait, os.ErrDeadlineExceeded)
		return s.told
	}
	s.answered.Store(s.Err() == nil)
	s.tell(messages.StreamEnded{Err: err}, err)
	s.told = s.failed(rpcerr.PhaseDecode, rpcerr.Executed, err)
	return s.told
}

// overdue reports whether the stream's deadline has passed. A service that knows
// the deadline ends the stream at the same moment; then the error is that of the
// deadline.
func (s *Stream) overdue() bool { return s.until != 0 && s.desk.Clock.Now() >= s.until }

// Unfit returns the error for a received message that cannot be decoded. The
// stream goes on.
func (s *Stream) Unfit(err error) error {
	return s.report(rpcerr.PhaseDecode, rpcerr.Executed, err, "none: the stream goes on")
}

// broke ends the stream because the connection has failed, or returns how it had
// already ended.
func (s *Stream) broke(phase rpcerr.Phase, err error) error {
	switch ended := s.Err(); {
	case ended != nil && !good(ended):
		return s.failed(phase, rpcerr.SentUnknown, ended)
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(s.ctx.Err(), context.DeadlineExceeded):
		err = s.deadlineError()
		s.tell(messages.CancelStream{Err: err}, err) // not the node's fault
	case s.ctx.Err() != nil:
		// The context is done or the client was closed; the actor is about to
		// publish the same.
		err = ctxerr.Ended(s.ctx)
		s.tell(messages.CancelStream{Err: err}, err)
	default:
		// A message over this client's limit is not the node's fault.
		err = sized(err)
		s.tell(messages.StreamEnded{Err: err, Fault: !errors.Is(err, transport.ErrTooLarge)}, err)
	}
	if phase == rpcerr.PhaseWait && errors.Is(err, transport.ErrNotSent) {
		return s.report(phase, rpcerr.NotSent, err, notAgain+"; nothing of it was executed, open it anew")
	}
	return s.failed(phase, rpcerr.SentUnknown, err)
}

// notAgain is the decision recorded for a stream that has failed.
const notAgain = "stop: a stream is not tried again once it was opened"

func (s *Stream) failed(phase rpcerr.Phase, proof rpcerr.Proof, err error) error {
	return s.report(phase, proof, err, notAgain)
}

func (s *Stream) report(phase rpcerr.Phase, proof rpcerr.Proof, err error, decision string) error {
	took := s.desk.Clock.Now().Sub(s.began)
	err = sized(err)
	return &rpcerr.CallError{
		Service: s.opening.Service, Endpoint: s.opening.Endpoint, Elapsed: took, Err: err,
		Attempts: []rpcerr.Attempt{{
			Node: s.opened.Node.Address, Phase: phase, Proof: proof, Duration: took, Err: err,
			Decision: decision,
		}},
	}
}

// sized returns the transport's error for a message over a limit as calls have it.
func sized(err error) error {
	if errors.Is(err, transport.ErrTooLarge) && !errors.Is(err, rpcerr.ErrMessageTooLarge) {
		return fmt.Errorf("%w: %w", rpcerr.ErrMessageTooLarge, err)
	}
	return err
}

// hangUp closes the transport's stream.
func (s *Stream) hangUp() (err error) {
	defer guard.Catch("transport", &err)
	return s.wire.Close()
}

// Header waits for the header of the service's answer and returns it.
func (s *Stream) Header() (h transport.Header, err error) {
	defer guard.Catch("transport", &err)
	return s.wire.Header()
}

// Trailer returns the fields that came with the end of the stream.
func (s *Stream) Trailer() (h transport.Header) {
	defer func() { _ = recover() }() // none if the transport panics
	return s.wire.Trailer()
}

// Close ends both directions. It may be called more than once.
func (s *Stream) Close() error {
	if s.seen.closed.Swap(true) {
		return nil
	}
	s.post(s.ref, messages.CancelStream{Err: errClosedByUser})
	return nil
}
