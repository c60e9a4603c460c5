// SPDX-License-Identifier: Apache-2.0

package drain_test

import (
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/drain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrain(t *testing.T) {
	ended, over := make(chan struct{}, 1), make(chan struct{})
	close(over)
	for name, tc := range map[string]struct {
		live int
		end  <-chan struct{}
		ends bool // one after the other, by themselves
		want int
	}{
		"nothing is in flight": {live: 0, want: 0},
		"all end in time":      {live: 3, ends: true, want: 0},
		"the rest is cut":      {live: 2, end: over, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var live atomic.Int64
			live.Store(int64(tc.live))
			done := make(chan struct{})
			go func() {
				defer close(done)
				for tc.ends && live.Load() > 0 {
					live.Add(-1)
					ended <- struct{}{}
				}
			}()
			g := drain.Group{
				Live: func() int { return int(live.Load()) }, Ended: ended, Clock: clock.Real(),
				Cancel: func() int { return int(live.Swap(0)) },
			}
			if got := g.Drain(tc.end); got != tc.want {
				t.Errorf("got %d cancelled, want %d", got, tc.want)
			}
			select {
			case <-ended:
			default:
			}
			<-done
		})
	}
}
