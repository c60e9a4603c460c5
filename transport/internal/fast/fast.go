// SPDX-License-Identifier: Apache-2.0

// Package fast reads and writes sockets with fewer system calls and less overhead than
// package net, for the transports whose calls cost little more than that. It supports
// Linux and macOS; on other systems the transports use package net.
package fast

// Sight is the result of checking a socket for received data.
type Sight uint8

// The results of a check.
const (
	Nothing Sight = iota // nothing has been received, or it is unknown
	Data                 // bytes have been received
	End                  // the peer has closed the connection, or the socket is broken
)

// Turn is the result of a round trip, which may be incomplete.
type Turn struct {
	// Seen is the result of the check at the beginning. Unless it is Nothing, nothing
	// was written.
	Seen Sight
	// Written and Got are the numbers of bytes written and read. Not everything is
	// written if the send buffer of the socket is full.
	Written, Got int
}
