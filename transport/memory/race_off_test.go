// SPDX-License-Identifier: Apache-2.0

//go:build !race

package memory_test

const raceEnabled = false
