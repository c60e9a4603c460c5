// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"example.com/mailcall/transport"
)

// broken returns an error that matches transport.ErrProtocol.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", transport.ErrProtocol, fmt.Sprintf(format, args...))
}

// tooLarge returns an error that matches transport.ErrTooLarge.
func tooLarge(what string, limit int) error {
	return fmt.Errorf("%w: %s over the limit of %d bytes", transport.ErrTooLarge, what, limit)
}

// cutOff returns the error of a read that has failed with cause in the middle of a
// message, after got bytes. It matches cause; if the peer has closed or reset the
// connection, it matches io.ErrUnexpectedEOF, and not io.EOF.
func cutOff(got int, cause error) error {
	switch {
	case errors.Is(cause, io.EOF):
		return fmt.Errorf("message cut off after %d bytes: %w", got, io.ErrUnexpectedEOF)
	case errors.Is(cause, syscall.ECONNRESET):
		return fmt.Errorf("message cut off after %d bytes: %w: %w", got, io.ErrUnexpectedEOF, cause)
	default:
		return fmt.Errorf("after %d bytes of a message: %w", got, cause)
	}
}

// clip bounds the number of the peer's bytes in an error text.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
