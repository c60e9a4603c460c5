// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"testing"
	"time"
	"unsafe"
)

// The clock on the wall is set while a client runs. A deadline that came from
// elsewhere, and so has no monotonic reading, is as far away as that clock says
// now; one that was made here is not touched by it.
func TestWallClockThatIsSet(t *testing.T) {
	for _, set := range []time.Duration{-2 * time.Hour, 0, 2 * time.Hour} {
		m := machine{base: time.Now().Add(-time.Hour)}
		moved(&m.base, -set) // as it looks from now
		now := time.Now()
		for what, at := range map[string]time.Time{"monotonic": now.Add(time.Minute), "wall": now.Add(time.Minute).Round(0)} {
			if got := m.Instant(at).Sub(m.Now()); got > time.Minute || got < 50*time.Second {
				t.Errorf("set by %s, %s: got %s until then, want a minute", set, what, got)
			}
		}
	}
	m := machine{base: time.Now().Add(-time.Hour)}
	for year, ever := range map[int]bool{1: false, 1970: false, 9999: true} {
		if got := m.Instant(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)) > m.Now(); got != ever {
			t.Errorf("year %d: got later than now: %t, want %t", year, got, ever)
		}
	}
}

// moved sets the wall-clock part of a time that has a monotonic reading as well:
// package time lets nobody see such a pair without setting the machine's clock.
func moved(at *time.Time, by time.Duration) {
	parts := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(at))
	const secondsFrom = 30 // the bit
	parts.wall += uint64(by/time.Second) << secondsFrom
}
