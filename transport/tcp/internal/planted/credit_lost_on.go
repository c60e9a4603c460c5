// SPDX-License-Identifier: Apache-2.0

//go:build planted_credit_lost

package planted

// CreditLost forgets the credit of every eighth message that was consumed.
const CreditLost = true
