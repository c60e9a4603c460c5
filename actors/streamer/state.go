// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"errors"
	"io"

	"example.com/mailcall/internal/clock"
)

// state decides when a stream is over and what is to be done then. It knows
// nothing of actors, wires or goroutines.
type state struct {
	deadline clock.Instant // 0: none
	over     bool
	err      error // how it ended; io.EOF is the good end
}

// verdict is what the end of a stream says about its node.
type verdict uint8

const (
	// nothing: it was this side that ended the stream.
	nothing verdict = iota
	// answered: the service ended it, well or with an error of its own.
	answered
	// faulty: the node or the way to it broke.
	faulty
)

// ended takes the news of an end. Only the first counts.
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

// cancelled takes the wish to end. Only the first counts.
func (s *state) cancelled(err error) (first bool) {
	if s.over {
		return false
	}
	s.over, s.err = true, err
	return true
}

// expired reports whether the time of the stream is over.
func (s *state) expired(now clock.Instant) bool {
	return !s.over && s.deadline != 0 && now >= s.deadline
}

// good reports whether err is the good end of a stream.
func good(err error) bool { return errors.Is(err, io.EOF) }
