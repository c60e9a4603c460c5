// SPDX-License-Identifier: Apache-2.0

// Package fast reads and writes sockets the short way, for the transports whose
// calls cost little more than that. It knows Linux and macOS; elsewhere it is
// not usable, and the ordinary way is taken.
package fast

// Sight is what a look at a socket shows.
type Sight uint8

// What a look can show.
const (
	Nothing Sight = iota // no byte has come, or nobody can tell
	Data                 // bytes have come
	End                  // the peer has closed, or the socket is broken
)

// Turn is how far a round trip came.
type Turn struct {
	// Seen is what the look at the beginning has shown. Only Nothing lets
	// anything be written.
	Seen Sight
	// Written and Got are bytes. Less is written than there was to write when the
	// kernel took no more at once.
	Written, Got int
}
