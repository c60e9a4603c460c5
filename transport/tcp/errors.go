// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

var (
	// ErrNotOurs is matched by the error of a dial to a server that does not
	// speak mailcall's own wire.
	ErrNotOurs = errors.New("the server does not speak mailcall's wire")
	// ErrQueue is matched when as many bytes wait to be written as may
	// ([WithMaxQueue]): the peer reads too slowly.
	ErrQueue = errors.New("the peer reads too slowly")

	errClosed  = errors.New("the connection was closed")
	errTooMany = errors.New("as many exchanges run as may")
	errNone    = errors.New("the server takes no exchanges at all (its setting 3 is 0)")
	errLeaving = errors.New("the server takes no more exchanges on this connection")
	errMute    = errors.New("a ping was not answered for a second and exchanges were given up")
	errStuck   = errors.New("the peer has not read for too long (WithWriteTimeout)")
	errSilent  = errors.New("the peer has not answered a ping (WithPing)")
	errMidway  = errors.New("the stream ended in the middle of a message")
	errEnded   = errors.New("the stream was closed")
	errLeft    = errors.New("a handler has ended the goroutine that reads the connection")
)

// Code is why an exchange was given up or refused.
type Code uint64

// The codes of resets. docs/protocol.md has all of them.
const (
	// Cancelled: nobody waits for the exchange any more.
	Cancelled = Code(session.CodeCancelled)
	// DeadlineExceeded: its time is over.
	DeadlineExceeded = Code(session.CodeDeadline)
	// Overloaded: refused without being executed, too much to do.
	Overloaded = Code(session.CodeOverloaded)
	// ShuttingDown: refused without being executed, the server leaves.
	ShuttingDown = Code(session.CodeLeaving)
	// TooLarge: a message is over a limit of the one who reset.
	TooLarge = Code(session.CodeTooLarge)
	// Internal: whoever served the exchange failed.
	Internal = Code(session.CodeInternal)
	// Unsupported: refused without being executed, this kind of exchange is
	// not served.
	Unsupported = Code(session.CodeUnsupported)
)

// String is the code in words.
func (c Code) String() string { return session.Code(c).String() }

// ResetError is how the peer ended one exchange. It matches
// [transport.ErrNotSent] when the code proves that the exchange was not
// executed, [transport.ErrAnswered] when it does not, and with them
// [rpcerr.ErrOverloaded], [transport.ErrTooLarge] or os.ErrDeadlineExceeded.
type ResetError struct {
	// Code is why.
	Code Code
	// RetryAfter is when to try again at the earliest, 0 if the peer did not
	// say.
	RetryAfter time.Duration
	// Reason are words of the peer, perhaps none.
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

// Is reports what the code stands for.
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
	default: // a code of a later version too
		return target == transport.ErrAnswered
	}
}

// Unwrap lets [errors.Unwrap] find something below, as with
// [transport.Answered].
func (e *ResetError) Unwrap() error { return nil }

func resetError(r session.Reset) error {
	const most = time.Hour // more than that is no advice
	after := most
	if r.RetryAfter < uint64(most/time.Millisecond) {
		after = time.Duration(r.RetryAfter) * time.Millisecond
	}
	return fmt.Errorf("tcp transport: %w", &ResetError{Code: Code(r.Code), RetryAfter: after, Reason: r.Reason})
}

// full marks an error that another connection may not have.
func full(err error) error { return transport.NotSent(fullError{err}) }

type fullError struct{ error }

func (e fullError) Unwrap() error { return e.error }

func (fullError) Is(target error) bool { return target == transport.ErrFull }

// lost is the error of exchanges whose connection has ended.
func lost(address string, err error) error {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the peer closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("tcp transport: %s: %w", address, err)
}
