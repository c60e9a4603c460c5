// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets grow by powers of two, each divided into 32 equal steps, so the error is at
// most 3 %. Values are microseconds below 2^26 (67 s); larger ones count as that.
const (
	stepBits = 5
	steps    = 1 << stepBits
	topBits  = 26
	buckets  = (topBits - stepBits + 1) * steps
)

// histogram counts durations. It is safe for concurrent use; its zero value is empty.
type histogram struct {
	counts [buckets]atomic.Uint64
	most   atomic.Int64
}

// tally is a snapshot of a histogram.
type tally [buckets]uint64

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	for most := h.most.Load(); int64(d) > most; most = h.most.Load() {
		if h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

func (h *histogram) read(into *tally) {
	for i := range into {
		into[i] = h.counts[i].Load()
	}
}

func bucketOf(d time.Duration) int {
	us := uint64(min(max(d.Microseconds(), 0), 1<<topBits-1))
	if us < steps {
		return int(us)
	}
	shift := bits.Len64(us) - stepBits - 1
	return shift*steps + int(us>>shift)
}

// upper returns the largest duration that bucket i counts.
func upper(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/steps - 1
	return time.Duration((i%steps+steps+1)<<shift-1) * time.Microsecond
}

// since returns the counts since the earlier snapshot.
func (t *tally) since(earlier *tally) (window tally) {
	for i := range t {
		window[i] = t[i] - earlier[i]
	}
	return window
}

func (t *tally) total() (n uint64) {
	for _, c := range t {
		n += c
	}
	return n
}

// quantile returns the q-quantile, 0 if nothing was counted.
func (t *tally) quantile(q float64) time.Duration {
	n := t.total()
	if n == 0 {
		return 0
	}
	want := min(uint64(q*float64(n))+1, n)
	for i, c := range t {
		if c >= want {
			return upper(i)
		}
		want -= c
	}
	return 0
}
