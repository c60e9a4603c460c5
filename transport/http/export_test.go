// SPDX-License-Identifier: Apache-2.0

package http

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/internal/fast"
)

// Arrived reports whether there is something to read on the socket of c. Unlike Ready
// it does not change the connection.
func Arrived(c transport.Conn) bool { return c.(*conn).link.fast.Peek() != fast.Nothing }
