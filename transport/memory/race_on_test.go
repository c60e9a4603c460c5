// SPDX-License-Identifier: Apache-2.0

//go:build race

package memory_test

// raceEnabled: under the race detector a sync.Pool drops items at random, so that
// allocations cannot be counted.
const raceEnabled = true
