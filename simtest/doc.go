// SPDX-License-Identifier: Apache-2.0

// Package simtest runs a whole client in virtual time, with faults. The same seed
// always gives the same history.
//
// Everything that mailcall runs in production runs here as well: the actors, the
// pools, the retry budget, the calls. Only scheduling, time and I/O are replaced.
// One loop takes all turns and picks the next one with seeded random numbers; the
// clock moves when nothing is left to do; connections lead to simulated nodes, and
// published messages to a simulated broker. Code that blocks, in a stream or in a
// call on a connection without asynchronous replies, is a coroutine that the loop
// resumes. After every step [Run] checks the invariants ([Invariant]).
//
//	report := simtest.Run(42, simtest.Chaos(42, 200))
//	if report.Failed() {
//		t.Fatal(report)
//	}
//
// [Chaos] makes a random scenario; a [Scenario] of your own says which services,
// nodes, faults, events and calls there are. To replay a failed run, run the same
// scenario with the same seed.
package simtest
