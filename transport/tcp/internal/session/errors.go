// SPDX-License-Identifier: Apache-2.0

package session

import (
	"errors"
	"fmt"

	"example.com/mailcall/transport"
)

// Code is the reason of a reset or a goaway.
type Code uint64

// The codes.
const (
	CodeNone        Code = 0 // the connection ends without an error
	CodeCancelled   Code = 1 // the caller does not wait any more
	CodeDeadline    Code = 2 // the deadline has passed
	CodeOverloaded  Code = 3 // refused, not executed: overloaded
	CodeLeaving     Code = 4 // refused, not executed: shutting down
	CodeTooLarge    Code = 5 // a message is over a limit
	CodeInternal    Code = 6 // the handler has failed
	CodeProtocol    Code = 7 // protocol error
	CodeFlood       Code = 8 // too many control frames
	CodeUnsupported Code = 9 // refused, not executed: this kind of exchange is not served
)

// Refused reports whether the code proves that the exchange was not executed.
func (c Code) Refused() bool {
	return c == CodeOverloaded || c == CodeLeaving || c == CodeUnsupported
}

// String returns the name of the code in docs/protocol.md.
func (c Code) String() string {
	names := [...]string{"none", "cancelled", "deadline exceeded", "overloaded", "shutting down",
		"too large", "internal", "protocol error", "flood", "unsupported"}
	if c < Code(len(names)) {
		return names[c]
	}
	return fmt.Sprintf("code %d", uint64(c))
}

// BrokenError says how the peer has violated the protocol. The connection must be closed.
type BrokenError struct {
	Code Code
	Text string
}

// Error implements error.
func (b *BrokenError) Error() string { return b.Code.String() + ": " + b.Text }

// Unwrap makes it match [transport.ErrProtocol].
func (b *BrokenError) Unwrap() error { return transport.ErrProtocol }

func broken(format string, args ...any) error {
	return &BrokenError{Code: CodeProtocol, Text: fmt.Sprintf(format, args...)}
}

func flooded(format string, args ...any) error {
	return &BrokenError{Code: CodeFlood, Text: fmt.Sprintf(format, args...)}
}

func tooLarge(what string, n, limit int) error {
	return fmt.Errorf("%w: %s", transport.ErrTooLarge, over(what, n, limit))
}

func over(what string, n, limit int) string {
	return fmt.Sprintf("%s of %d bytes, the limit is %d", what, n, limit)
}

// errMidway is the error of a Send during another Send on the same stream.
var errMidway = fmt.Errorf("%w: another Send has sent only a part of its message (one at a time may send)", transport.ErrInvalid)

var errNoAnswer = errors.New("the exchange was ended without an answer")

// local returns the error for an exchange that this side has reset.
func (r *Reset) local() error {
	if r.Code == CodeTooLarge {
		return fmt.Errorf("%w: %s", transport.ErrTooLarge, r.Reason)
	}
	return errors.New(r.Reason)
}
