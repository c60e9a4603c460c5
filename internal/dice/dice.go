// SPDX-License-Identifier: Apache-2.0

// Package dice is the one source of random numbers. All of them are derived from
// one seed, so that a simulated run can be repeated.
package dice

import "sync/atomic"

// Source makes dice. It is safe for concurrent use. Dice that are made in the same
// order from the same seed return the same numbers.
type Source struct{ next atomic.Uint64 }

// NewSource returns a source with the given seed.
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

// Dice is a generator of pseudo-random numbers (SplitMix64). It is not safe for
// concurrent use. The zero value works and always returns the same sequence.
type Dice struct{ state uint64 }

// Uint64 returns 64 random bits.
func (d *Dice) Uint64() uint64 {
	d.state += golden
	return mix(d.state)
}

// N returns a random number from 0 to n-1. n must be positive. The bias is below
// n/2^32, which does not matter for load balancing.
func (d *Dice) N(n int) int {
	return int((d.Uint64() >> 32) * uint64(n) >> 32)
}

// Float returns a random number in [0, 1).
func (d *Dice) Float() float64 { return float64(d.Uint64()>>11) / (1 << 53) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
