// SPDX-License-Identifier: Apache-2.0

//go:build !planted_half_close_dropped

package planted

// HalfCloseDropped ignores the end of one direction of a stream.
const HalfCloseDropped = false
