// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"os"
	"strconv"
	"testing"

	"example.com/mailcall/simtest"
)

// callsPerSeed is how long a run of TestSimulation is.
const callsPerSeed = 200

// seeds is how many runs there are: enough to catch what happens once in some
// hundred, fewer where each run is slow.
func seeds() uint64 {
	if testing.Short() || raceEnabled {
		return 100
	}
	return 1000
}

// TestSimulation runs the client under many seeds. MAILCALL_SEED plays one of
// them again and prints its history.
func TestSimulation(t *testing.T) {
	if text := os.Getenv("MAILCALL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("MAILCALL_SEED: %v", err)
		}
		scenario := simtest.Chaos(seed, callsPerSeed)
		scenario.Record = true
		report := simtest.Run(seed, scenario)
		t.Logf("%+v\n%s", report.Stats, report.History)
		if report.Failed() {
			t.Fatal(report)
		}
		return
	}
	var sum simtest.Stats
	histories := make(map[uint64]uint64)
	for seed := uint64(1); seed <= seeds(); seed++ {
		report := simtest.Run(seed, simtest.Chaos(seed, callsPerSeed))
		if report.Failed() {
			t.Fatalf("%s\nto see all of it: MAILCALL_SEED=%d go test -run 'TestSimulation$' ./simtest\n%s",
				report.Violations[0], seed, report)
		}
		if other, same := histories[report.Hash]; same {
			t.Errorf("got the same history from seeds %d and %d, want two", other, seed)
		}
		histories[report.Hash] = seed
		add(&sum, report.Stats)
	}
	t.Logf("%d seeds: %+v", seeds(), sum)
}

func add(sum *simtest.Stats, s simtest.Stats) {
	sum.Steps += s.Steps
	sum.Elapsed += s.Elapsed
	sum.Calls += s.Calls
	sum.Good += s.Good
	sum.Panics += s.Panics
	sum.Attempts += s.Attempts
	sum.Retries += s.Retries
	sum.Hedges += s.Hedges
	sum.Denied += s.Denied
	sum.Executions += s.Executions
	sum.Cancelled += s.Cancelled
	sum.Late += s.Late
	sum.Dials += s.Dials
	sum.Ejections += s.Ejections
	sum.Waits = max(sum.Waits, s.Waits)
}
