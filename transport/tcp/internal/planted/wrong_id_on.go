// SPDX-License-Identifier: Apache-2.0

//go:build planted_wrong_id

package planted

// WrongID delivers a reply by the slot in its id, and ignores the generation.
const WrongID = true
