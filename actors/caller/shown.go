// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"sync/atomic"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/rpcerr"
)

// shown is what the inspector reads of a live call or attempt: when it began and
// which place it is at, packed into one word, because an atomic store costs
// about as much as a lock. Only the goroutine that runs the call writes it.
type shown struct{ word atomic.Int64 }

// placeBits is how many bits of the word hold the place: a stage of a call, or
// a phase of an attempt.
const (
	placeBits = 3
	placeMask = 1<<placeBits - 1

	_ = uint(placeMask - rpcerr.PhaseDecode) // the last phase has room
)

// begin shows a new call or attempt.
func (s *shown) begin(since clock.Instant, place uint32) {
	s.word.Store(int64(since)<<placeBits | int64(place))
}

// enter shows that it has moved to another place.
func (s *shown) enter(place uint32) { s.word.Store(s.word.Load()&^placeMask | int64(place)) }

// at returns when it began and its place.
func (s *shown) at() (since clock.Instant, place uint32) {
	word := s.word.Load()
	return clock.Instant(word >> placeBits), uint32(word & placeMask)
}
