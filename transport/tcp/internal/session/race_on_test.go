// SPDX-License-Identifier: Apache-2.0

//go:build race

package session_test

// seeds is how many histories are run.
const seeds = 100
