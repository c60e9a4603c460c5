// SPDX-License-Identifier: Apache-2.0

//go:build !planted_budget_debited_late

package planted

// BudgetDebitedLate checks the retry budget before, and debits it after, the attempt.
const BudgetDebitedLate = false
