// SPDX-License-Identifier: Apache-2.0

//go:build planted_lease_not_returned

package planted

// LeaseNotReturned forgets the connection of a cancelled attempt.
const LeaseNotReturned = true
