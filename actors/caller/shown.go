// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/rpcerr"
)

// shown is what the inspector reads of a live call or attempt: since when it
// lives and where it is, in one word, because each store that others may see
// costs as much as a lock. The goroutine that runs the call writes it.
type shown struct{ word atomic.Int64 }

// placeBits is what a place takes of the word: a stage of a call, or a phase of
// an attempt.
const (
	placeBits = 3
	placeMask = 1<<placeBits - 1

	_ = uint(placeMask - rpcerr.PhaseDecode) // the last phase has room
)

// begin shows a new one.
func (s *shown) begin(since clock.Instant, place uint32) {
	s.word.Store(int64(since)<<placeBits | int64(place))
}

// enter shows that it has come to another place.
func (s *shown) enter(place uint32) { s.word.Store(s.word.Load()&^placeMask | int64(place)) }

// at is where it is.
func (s *shown) at() (since clock.Instant, place uint32) {
	word := s.word.Load()
	return clock.Instant(word >> placeBits), uint32(word & placeMask)
}
