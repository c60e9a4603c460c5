// SPDX-License-Identifier: Apache-2.0

// Package uuid makes the ids that go-micro gives to events and subscriptions.
package uuid

import "fmt"

// V4 returns the UUID of version 4 (RFC 9562) that 16 random bytes make, of which
// six bits are replaced.
func V4(random [16]byte) string {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", random[:4], random[4:6], random[6:8], random[8:10], random[10:])
}
