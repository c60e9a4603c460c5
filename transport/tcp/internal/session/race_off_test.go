// SPDX-License-Identifier: Apache-2.0

//go:build !race

package session_test

// seeds is the number of histories that are run.
const seeds = 1000
