// SPDX-License-Identifier: Apache-2.0

//go:build !planted_empty_list_applied

package planted

// EmptyListApplied believes an empty list from a registry that was failing.
const EmptyListApplied = false
