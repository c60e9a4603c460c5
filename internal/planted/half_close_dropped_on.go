// SPDX-License-Identifier: Apache-2.0

//go:build planted_half_close_dropped

package planted

// HalfCloseDropped does not tell the service that this side has ended its half of a stream.
const HalfCloseDropped = true
