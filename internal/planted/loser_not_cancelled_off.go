// SPDX-License-Identifier: Apache-2.0

//go:build !planted_loser_not_cancelled

package planted

// LoserNotCancelled leaves the loser of a race running.
const LoserNotCancelled = false
