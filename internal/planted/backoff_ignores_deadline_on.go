// SPDX-License-Identifier: Apache-2.0

//go:build planted_backoff_ignores_deadline

package planted

// BackoffIgnoresDeadline waits out a backoff that ends after the deadline.
const BackoffIgnoresDeadline = true
