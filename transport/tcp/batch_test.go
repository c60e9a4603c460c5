// SPDX-License-Identifier: Apache-2.0

package tcp

import "testing"

// TestWriterIsOvertaken begins exchanges while a writer lets others run, and checks which
// of them writes what is queued.
func TestWriterIsOvertaken(t *testing.T) {
	for name, tt := range map[string]struct {
		crowd int // of the exchanges that run
		by    int // number of the exchange that overtakes, 0: none does
	}{
		"fewer than two batches": {crowd: 2*leastBatch - 1},
		"two batches":            {crowd: 2 * leastBatch, by: leastBatch},
		"larger batches":         {crowd: 8 * batchShare, by: 8},
		"busy anyway":            {crowd: manyRunning + 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := ledConn(t, holding(t).address)
			c.mu.Lock()
			c.resumeListener()
			c.writing, c.yielding, c.visits, c.crowd = true, true, 0, tt.crowd
			c.mu.Unlock()
			var all [manyRunning]*caller
			for i := range all {
				all[i] = newCaller()
				if _, err := c.Begin(text("x"), all[i], 1); err != nil {
					t.Fatal(err)
				}
				c.mu.Lock()
				yields := c.yielding
				c.mu.Unlock()
				if want := tt.by == 0 || i+1 < tt.by; yields != want {
					t.Fatalf("exchange %d: the writer still lets others run: %t, want %t", i+1, yields, want)
				}
				if !yields {
					break
				}
			}
			c.flush(true) // the writer's turn; it writes if nobody has overtaken
			for _, who := range all {
				if who != nil {
					who.got(t, c, 0, "x")
				}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.writing || c.yielding || c.link.Queued() > 0 {
				t.Errorf("got writing %t, yielding %t and %d bytes queued, want all written", c.writing, c.yielding, c.link.Queued())
			}
		})
	}
}
