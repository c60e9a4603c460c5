// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

var (
	// ErrNotOurs is matched by the error of a dial to a server that does not use
	// mailcall's own protocol.
	ErrNotOurs = errors.New("the server does not speak mailcall's protocol")
	// ErrQueue is matched when too many bytes wait to be written ([WithMaxQueue]),
	// because the peer reads too slowly.
	ErrQueue = errors.New("the peer reads too slowly")

	errClosed   = errors.New("the connection was closed")
	errTooMany  = errors.New("no more exchanges are allowed at a time")
	errNone     = errors.New("the server accepts no exchanges at all (its setting 3 is 0)")
	errLeaving  = errors.New("the server accepts no more exchanges on this connection")
	errReplaced = errors.New("the connection is being replaced: a ping was not answered, or the server closed it or accepted no exchanges for a time")
	errStuck    = errors.New("the peer has not read for too long (WithWriteTimeout)")
	errSilent   = errors.New("the peer has not answered a ping (WithPing)")
	errMidway   = errors.New("the stream ended in the middle of a message")
	errEnded    = errors.New("the stream was closed")
	errLeft     = errors.New("a handler has ended the goroutine that reads the connection")
)

// Code is why an exchange was cancelled or refused.
type Code uint64

// The codes of resets. docs/protocol.md describes all codes.
const (
	// Cancelled: the caller does not wait for the exchange any more.
	Cancelled = Code(session.CodeCancelled)
	// DeadlineExceeded: the deadline of the exchange has passed.
	DeadlineExceeded = Code(session.CodeDeadline)
	// Overloaded: refused and not executed, because the server is overloaded.
	Overloaded = Code(session.CodeOverloaded)
	// ShuttingDown: refused and not executed, because the server is shutting down.
	ShuttingDown = Code(session.CodeLeaving)
	// TooLarge: a message is over a limit of the side that sent the reset.
	TooLarge = Code(session.CodeTooLarge)
	// Internal: the handler has failed.
	Internal = Code(session.CodeInternal)
	// Unsupported: refused and not executed, because the server does not serve this
	// kind of exchange.
	Unsupported = Code(session.CodeUnsupported)
)

// String returns the name of the code, as in docs/protocol.md.
func (c Code) String() string { return session.Code(c).String() }

// ResetError is the error of an exchange that the peer has ended with a reset. By its
// code it matches
//
//   - Overloaded: [transport.ErrNotSent] and [rpcerr.ErrOverloaded]
//   - ShuttingDown, Unsupported: [transport.ErrNotSent]
//   - TooLarge: [transport.ErrTooLarge]
//   - DeadlineExceeded: [transport.ErrAnswered] and os.ErrDeadlineExceeded
//   - any other: [transport.ErrAnswered]
type ResetError struct {
	// Code is the reason for the reset.
	Code Code
	// RetryAfter is the shortest time to wait before a retry, an hour at most; 0 if the
	// peer has not set it.
	RetryAfter time.Duration
	// Reason is a text of the peer, which may be empty.
	Reason string
}

// Error implements error.
func (e *ResetError) Error() string {
	text := "the peer ended the exchange: " + e.Code.String()
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" (try again after %s)", e.RetryAfter)
	}
	return text
}

// Pushback implements [transport.Pushback].
func (e *ResetError) Pushback() time.Duration { return e.RetryAfter }

// Is implements the matches listed at [ResetError].
func (e *ResetError) Is(target error) bool {
	switch e.Code {
	case Overloaded:
		return target == transport.ErrNotSent || target == rpcerr.ErrOverloaded
	case ShuttingDown, Unsupported:
		return target == transport.ErrNotSent
	case TooLarge:
		return target == transport.ErrTooLarge
	case DeadlineExceeded:
		return target == os.ErrDeadlineExceeded || target == transport.ErrAnswered
	default: // also a code of a later version
		return target == transport.ErrAnswered
	}
}

// Unwrap returns nil. The method exists as with [transport.Answered].
func (e *ResetError) Unwrap() error { return nil }

func resetError(r session.Reset) error {
	const most = time.Hour // a longer time is not useful
	after := most
	if r.RetryAfter < uint64(most/time.Millisecond) {
		after = time.Duration(r.RetryAfter) * time.Millisecond
	}
	return fmt.Errorf("tcp transport: %w", &ResetError{Code: Code(r.Code), RetryAfter: after, Reason: r.Reason})
}

// full marks an error that may not occur on another connection.
func full(err error) error { return transport.NotSent(fullError{err}) }

type fullError struct{ error }

func (e fullError) Unwrap() error { return e.error }

func (fullError) Is(target error) bool { return target == transport.ErrFull }

// lost returns the error for exchanges whose connection has ended. why is the reason that
// the peer has given before it, or "".
func lost(address string, err error, why string) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if why != "" {
		why = ": " + why
	}
	if why != "" && errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the peer closed the connection%s: %w", why, err)
	}
	return fmt.Errorf("tcp transport: %s: %w", address, err)
}
