// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"example.com/mailcall/internal/clock"
)

func TestInstantArithmetic(t *testing.T) {
	var i clock.Instant = 1000
	if got := i.Add(time.Microsecond); got != 2000 {
		t.Errorf("got %d, want 2000", got)
	}
	if got := i.Sub(400); got != 600*time.Nanosecond {
		t.Errorf("got %s, want 600ns", got)
	}
}

func TestNowIsPositiveAndMonotonic(t *testing.T) {
	c := clock.Real()
	last := c.Now()
	if last <= 0 {
		t.Errorf("got %d, want a positive instant", last)
	}
	for range 1000 {
		now := c.Now()
		if now < last {
			t.Fatalf("got %d after %d, want no step back", now, last)
		}
		last = now
	}
}

func TestNowFollowsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Real()
		before := c.Now()
		<-time.After(3 * time.Second)
		if got := c.Now().Sub(before); got != 3*time.Second {
			t.Errorf("got %s, want 3s", got)
		}
	})
}

func TestTranslation(t *testing.T) {
	c := clock.Real()
	now := c.Now()
	if got := c.Instant(c.Time(now)); got != now {
		t.Errorf("got %d there and back, want %d", got, now)
	}
	at := time.Now().Add(-time.Minute)
	if got := c.Instant(at); got <= 0 {
		t.Errorf("got %d for a time shortly before the clock was made, want a positive instant", got)
	}
	if got := c.Time(c.Instant(at)); !got.Equal(at) {
		t.Errorf("got %s there and back, want %s", got, at)
	}
}

// In a bubble time stands still while anything can run, so what fires and
// when is exact.
func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Real()
		fired := make(chan clock.Instant, 10)
		timer := c.Timer(func() { fired <- c.Now() })
		begin := c.Now()
		expect := func(want time.Duration) {
			t.Helper()
			if got := (<-fired).Sub(begin); got != want {
				t.Errorf("got a firing at %s, want %s", got, want)
			}
		}
		nothing := func() {
			t.Helper()
			<-time.After(2 * time.Hour)
			if n := len(fired); n != 0 {
				t.Errorf("got %d firings, want none", n)
			}
		}

		nothing() // a new timer is stopped
		begin = c.Now()
		timer.Reset(begin.Add(time.Second))
		expect(time.Second)
		timer.Reset(begin.Add(5 * time.Second))
		timer.Reset(begin.Add(3 * time.Second)) // in place of the earlier one
		expect(3 * time.Second)
		timer.Reset(begin) // the past: at once
		expect(3 * time.Second)
		timer.Reset(c.Now().Add(time.Second))
		timer.Stop()
		timer.Stop()
		nothing()
		begin = c.Now()
		timer.Reset(begin.Add(time.Second)) // usable after Stop
		expect(time.Second)
	})
}

func TestAddOfALongTime(t *testing.T) {
	for _, tc := range []struct {
		at   clock.Instant
		d    time.Duration
		want clock.Instant
	}{{5, math.MaxInt64, math.MaxInt64}, {math.MaxInt64, 1, math.MaxInt64}, {5, -7, -2}, {5, -math.MaxInt64, 5 - math.MaxInt64}, {5, 0, 5}} {
		if got := tc.at.Add(tc.d); got != tc.want {
			t.Errorf("%d and %d: got %d, want %d", tc.at, tc.d, got, tc.want)
		}
	}
}

func TestEarlier(t *testing.T) {
	for _, tc := range []struct{ a, b, want clock.Instant }{{0, 0, 0}, {0, 2, 2}, {1, 0, 1}, {1, 2, 1}, {2, 1, 1}} {
		if got := clock.Earlier(tc.a, tc.b); got != tc.want {
			t.Errorf("%d, %d: got %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
