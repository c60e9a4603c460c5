// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"errors"
	"io"

	"example.com/mailcall/internal/clock"
)

// state decides when a stream has ended, and how. It knows nothing of actors,
// connections or goroutines.
type state struct {
	deadline clock.Instant // 0: none
	over     bool
	err      error // how it ended; io.EOF is the normal end
}

// verdict is what the end of a stream means for its node.
type verdict uint8

const (
	// nothing: this side has ended the stream.
	nothing verdict = iota
	// answered: the service has ended it, normally or with an error.
	answered
	// faulty: the node or the connection to it has failed.
	faulty
)

// ended records that the stream has ended on the wire. Only the first end counts.
func (s *state) ended(err error, fault bool) (first bool, what verdict) {
	if s.over {
		return false, nothing
	}
	s.over, s.err = true, err
	if fault {
		return true, faulty
	}
	return true, answered
}

// cancelled records that this side ends the stream. Only the first end counts.
func (s *state) cancelled(err error) (first bool) {
	if s.over {
		return false
	}
	s.over, s.err = true, err
	return true
}

// expired reports whether the stream's deadline has passed.
func (s *state) expired(now clock.Instant) bool {
	return !s.over && s.deadline != 0 && now >= s.deadline
}

// good reports whether err is the normal end of a stream.
func good(err error) bool { return errors.Is(err, io.EOF) }
