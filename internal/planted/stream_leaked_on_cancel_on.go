// SPDX-License-Identifier: Apache-2.0

//go:build planted_stream_leaked_on_cancel

package planted

// StreamLeakedOnCancel keeps a stream, with its connection, whose context was cancelled.
const StreamLeakedOnCancel = true
