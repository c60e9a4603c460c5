// SPDX-License-Identifier: Apache-2.0

// Package dice is the one source of chance. All of it grows from one seed, so
// that a simulated run can be repeated.
package dice

import "sync/atomic"

// Source makes dice. It is safe for concurrent use; dice made in the same
// order from the same seed roll the same numbers.
type Source struct{ next atomic.Uint64 }

// NewSource returns a source that grows from seed.
func NewSource(seed uint64) *Source {
	s := &Source{}
	s.next.Store(seed)
	return s
}

// golden is 2^64 divided by the golden ratio, the step of SplitMix64
// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
const golden = 0x9e3779b97f4a7c15

// Dice returns new dice, owned by the caller.
func (s *Source) Dice() Dice { return Dice{state: mix(s.next.Add(golden))} }

// Dice roll pseudo-random numbers (SplitMix64). They have one owner and are
// not safe for concurrent use. The zero value works and always rolls the same.
type Dice struct{ state uint64 }

// Uint64 rolls 64 bits.
func (d *Dice) Uint64() uint64 {
	d.state += golden
	return mix(d.state)
}

// N rolls a number from 0 to n-1. n must be positive; its bias is below
// n/2^32, nothing that load balancing could notice.
func (d *Dice) N(n int) int {
	return int((d.Uint64() >> 32) * uint64(n) >> 32)
}

// Float rolls a number from 0 up to but not including 1.
func (d *Dice) Float() float64 { return float64(d.Uint64()>>11) / (1 << 53) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
