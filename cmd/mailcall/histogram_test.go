// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestHistogramKnowsAValueToThreePercent(t *testing.T) {
	for d := time.Duration(0); d < time.Minute; d = d*9/8 + time.Microsecond {
		got := upper(bucketOf(d))
		if want := d.Truncate(time.Microsecond); got < want || got > want+want/32 {
			t.Errorf("%s: got %s, want at most 1/32 more", d, got)
		}
	}
	for _, d := range []time.Duration{-time.Second, 1000 * time.Hour} {
		if i := bucketOf(d); i < 0 || i >= buckets {
			t.Errorf("%s: got bucket %d, want 0 to %d", d, i, buckets-1)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var h histogram
	var before, after tally
	h.record(time.Hour)
	h.read(&before)
	for i := range 100 {
		h.record(time.Duration(i+1) * 10 * time.Microsecond)
	}
	h.read(&after)
	window := after.since(&before)
	if n := window.total(); n != 100 {
		t.Errorf("got %d in the window, want 100", n)
	}
	const us = time.Microsecond
	for q, want := range map[float64]time.Duration{0: 10 * us, 0.5: 510 * us, 0.99: 1000 * us, 1: 1000 * us} {
		if got := window.quantile(q); got < want || got > want+want/32 {
			t.Errorf("quantile %g: got %s, want %s or 1/32 more", q, got, want)
		}
	}
	if got := (&tally{}).quantile(0.5); got != 0 {
		t.Errorf("of nothing: got %s, want 0", got)
	}
	if got := time.Duration(h.most.Load()); got != time.Hour {
		t.Errorf("got a maximum of %s, want 1h", got)
	}
}
