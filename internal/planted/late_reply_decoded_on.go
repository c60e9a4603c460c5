// SPDX-License-Identifier: Apache-2.0

//go:build planted_late_reply_decoded

package planted

// LateReplyDecoded lets a reply of an earlier call through to the value of a later one.
const LateReplyDecoded = true
