// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"example.com/mailcall/transport"
)

// broken makes an error that matches transport.ErrProtocol.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", transport.ErrProtocol, fmt.Sprintf(format, args...))
}

// tooLarge makes an error that matches transport.ErrTooLarge.
func tooLarge(what string, limit int) error {
	return fmt.Errorf("%w: %s over the limit of %d bytes", transport.ErrTooLarge, what, limit)
}

// cutOff names what was lost when reading failed in the middle of a message.
// It matches cause, and io.ErrUnexpectedEOF if it was the peer that went away.
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

// clip bounds what an error text repeats of the peer's bytes.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
