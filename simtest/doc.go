// SPDX-License-Identifier: Apache-2.0

// Package simtest runs a whole client in virtual time, with faults, so that
// one seed gives one history.
//
// Everything that mailcall runs in production runs here as well: the actors,
// the pools, the budget, the calls. Only what runs by itself is replaced: all
// turns are taken by one loop that picks the next one with seeded dice, the
// clock moves when nothing is left to do, and connections lead to simulated
// nodes, messages that are published to a simulated broker. Who waits in a
// stream, or for a call on a connection that has to be waited on, is a coroutine
// that the loop resumes. After every step [Run] checks what must always hold
// ([Invariant]).
//
//	report := simtest.Run(42, simtest.Chaos(42, 200))
//	if report.Failed() {
//		t.Fatal(report)
//	}
//
// [Chaos] rolls a scenario; a [Scenario] of your own says which services,
// nodes, faults, events and calls there are. A run that failed is replayed by
// running the same scenario with the same seed.
package simtest
