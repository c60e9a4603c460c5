// SPDX-License-Identifier: Apache-2.0

//go:build race

package http_test

// raceEnabled: the race detector makes sync.Pool forget on purpose, so
// allocations cannot be counted under it.
const raceEnabled = true
