// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package fast

import (
	"net"

	"example.com/mailcall/transport"
)

// IO is never usable on this system.
type IO struct{}

// Init does nothing.
func (*IO) Init(net.Conn) {}

// Usable reports false.
func (*IO) Usable() bool { return false }

// Write is never called.
func (*IO) Write([]byte) (int, error) { return 0, nil }

// Write2 is never called.
func (*IO) Write2([]byte, []byte) (int, error) { return 0, nil }

// Read is never called.
func (*IO) Read([]byte) (int, error) { return 0, nil }

// RoundTrip is never called.
func (*IO) RoundTrip([]byte, []byte, transport.Progress) (Turn, error) { return Turn{}, nil }

// Peek returns [Nothing].
func (*IO) Peek() Sight { return Nothing }
