// SPDX-License-Identifier: Apache-2.0

//go:build !race

package tcp_test

// underRace reports whether the race detector is on, which allocates.
const underRace = false
