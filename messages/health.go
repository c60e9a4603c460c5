// SPDX-License-Identifier: Apache-2.0

package messages

// Health is a selector's judgement of a node. The zero value is Healthy.
type Health uint32

// The states of health.
const (
	// Healthy nodes are chosen freely.
	Healthy Health = iota
	// Ejected nodes are not chosen until their ejection ends.
	Ejected
	// Probing nodes have come back from ejection; they get one call at a time.
	Probing
	// Shunned nodes should be ejected, but too many nodes already are. They are
	// chosen only when every other node has been tried or is shunned as well.
	Shunned
)

// String returns "healthy", "ejected", "probing" or "shunned".
func (h Health) String() string {
	switch h {
	case Ejected:
		return "ejected"
	case Probing:
		return "probing"
	case Shunned:
		return "shunned"
	default:
		return "healthy"
	}
}
