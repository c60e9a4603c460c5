// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"os"
	"strconv"
	"testing"

	"example.com/mailcall/simtest"
)

// callsPerSeed is how long a run of TestSimulation is: some of the calls are
// streams or messages that are published.
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
		replay(t, text)
		return
	}
	var sum simtest.Stats
	histories := make(map[uint64]uint64)
	for seed := uint64(1); seed <= seeds(); seed++ {
		report := simtest.Run(seed, simtest.Chaos(seed, callsPerSeed))
		if report.Failed() {
			t.Fatalf("%s\nto see all of it: MAILCALL_SEED=%d go test -run 'TestSimulation$' -v ./simtest", report, seed)
		}
		if other, same := histories[report.Hash]; same {
			t.Errorf("got the same history from seeds %d and %d, want two", other, seed)
		}
		histories[report.Hash] = seed
		add(&sum, report.Stats)
	}
	t.Logf("%d seeds: %+v", seeds(), sum)
	for what, n := range map[string]int{
		"good calls": sum.Good, "panics": sum.Panics, "retries": sum.Retries, "hedges": sum.Hedges, "denied retries": sum.Denied,
		"cancelled exchanges": sum.Cancelled, "late replies": sum.Late, "ejections": sum.Ejections, "waits for a connection": sum.Waits,
		"full connections": sum.Full, "connections that servers leave": sum.Leaves,
		"streams that ended well": sum.GoodStreams, "sends that wait": sum.Stalls, "messages after the end": sum.AfterEnd,
		"messages that were published": sum.GoodPublishes, "blank registries": sum.Blanks,
	} {
		if n == 0 {
			t.Errorf("got no %s in all runs, want some: what never happens is not tested", what)
		}
	}
}

func replay(t *testing.T, text string) {
	t.Helper()
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
	sum.Full += s.Full
	sum.Leaves += s.Leaves
	sum.Streams += s.Streams
	sum.GoodStreams += s.GoodStreams
	sum.Messages += s.Messages
	sum.Stalls += s.Stalls
	sum.AfterEnd += s.AfterEnd
	sum.Publishes += s.Publishes
	sum.GoodPublishes += s.GoodPublishes
	sum.Blanks += s.Blanks
}

// One seed, one history, however often it is played.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		scenario := simtest.Chaos(seed, callsPerSeed)
		scenario.Record = true
		first := simtest.Run(seed, scenario)
		for range 19 {
			if again := simtest.Run(seed, scenario); again.Hash != first.Hash || again.History != first.History {
				t.Fatalf("seed %d: got histories %016x and %016x, want one", seed, first.Hash, again.Hash)
			}
		}
	}
}

// One scenario, many seeds: the interleavings differ.
func TestManyHistories(t *testing.T) {
	scenario := simtest.Chaos(3, 50)
	seen := make(map[uint64]bool)
	for seed := range uint64(50) {
		report := simtest.Run(seed, scenario)
		if report.Failed() {
			t.Fatal(report)
		}
		seen[report.Hash] = true
	}
	if len(seen) != 50 {
		t.Errorf("got %d histories from 50 seeds, want 50", len(seen))
	}
}

func FuzzScenario(f *testing.F) {
	f.Add(uint64(1), uint64(1), uint8(20))
	f.Add(uint64(77), uint64(3), uint8(200))
	f.Fuzz(func(t *testing.T, seed, world uint64, calls uint8) {
		if report := simtest.Run(seed, simtest.Chaos(world, int(calls))); report.Failed() {
			t.Fatalf("world %d, %s", world, report)
		}
	})
}
