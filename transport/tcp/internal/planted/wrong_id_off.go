// SPDX-License-Identifier: Apache-2.0

//go:build !planted_wrong_id

package planted

// WrongID delivers a reply by its slot alone, whatever the rest of its id says.
const WrongID = false
