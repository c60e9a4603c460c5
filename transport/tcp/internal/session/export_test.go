// SPDX-License-Identifier: Apache-2.0

package session

import "fmt"

// Settled checks that no credit was lost between what one side may send and what the other
// accepts, when nothing is in transit and no exchange runs.
func Settled(sender, receiver *Link) error {
	if got, want := sender.credit, receiver.allowance; got != want {
		return fmt.Errorf("one side may send %d on all streams, the other takes %d", got, want)
	}
	if got, want := receiver.allowance+receiver.owed, int64(receiver.own.ConnWindow); got != want {
		return fmt.Errorf("credit of %d in the end, want %d", got, want)
	}
	if receiver.assembling != 0 {
		return fmt.Errorf("%d bytes are held for messages of exchanges that are over", receiver.assembling)
	}
	return nil
}
