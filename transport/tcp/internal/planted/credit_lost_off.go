// SPDX-License-Identifier: Apache-2.0

//go:build !planted_credit_lost

package planted

// CreditLost drops the credit for some of the consumed messages.
const CreditLost = false
