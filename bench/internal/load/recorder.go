// SPDX-License-Identifier: Apache-2.0

package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// shards reduces lock contention between callers, while all histograms together
	// stay small compared with a 1 MiB cache: with one per caller, the harness would
	// dominate at 1,024 callers.
	shards = 8
	// maxLatency is the largest latency that is recorded exactly.
	maxLatency = time.Minute
	// digits gives a histogram a precision of 1 % in 20 KB.
	digits = 2
)

// recorder counts calls and their latencies. It is safe for concurrent use.
type recorder struct {
	shard [shards]shard
}

type shard struct {
	mu    sync.Mutex
	hist  *hdrhistogram.Histogram
	calls int64 // reset, like hist, at the start of the slice
	total int64 // since the start
	errs  int64
	first error
	_     [64]byte // puts the next shard's lock on another cache line
}

func newRecorder() *recorder {
	r := new(recorder)
	for i := range r.shard {
		r.shard[i].hist = newHistogram()
	}
	return r
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), digits)
}

// add records n calls with this latency each, or an error.
func (r *recorder) add(caller, n int, took time.Duration, err error) {
	s := &r.shard[caller%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += int64(n)
	if err != nil {
		s.errs++
		if s.first == nil {
			s.first = err
		}
		return
	}
	s.calls += int64(n)
	us := min(max(took.Microseconds(), 1), maxLatency.Microseconds())
	_ = s.hist.RecordValue(us) // us is in range
}

// begin resets the histograms. Errors are kept, so that one in the warm-up counts.
func (r *recorder) begin() {
	for i := range r.shard {
		s := &r.shard[i]
		s.mu.Lock()
		s.hist.Reset()
		s.calls = 0
		s.mu.Unlock()
	}
}

// counts is the result of a recorder.
type counts struct {
	hist               *hdrhistogram.Histogram
	calls, total, errs int64
	first              error
}

// end returns what was recorded since begin.
func (r *recorder) end() counts {
	c := counts{hist: newHistogram()}
	for i := range r.shard {
		s := &r.shard[i]
		s.mu.Lock()
		c.hist.Merge(s.hist)
		c.calls += s.calls
		c.total += s.total
		c.errs += s.errs
		if c.first == nil {
			c.first = s.first
		}
		s.mu.Unlock()
	}
	return c
}
