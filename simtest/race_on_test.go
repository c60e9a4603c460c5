// SPDX-License-Identifier: Apache-2.0

//go:build race

package simtest_test

// raceEnabled says that the race detector makes everything slow.
const raceEnabled = true
