// SPDX-License-Identifier: Apache-2.0

package http

import "net"

// NetConn returns what the answers of this connection are written to: the
// socket, or the TLS connection on top of it. It is for responders that play a
// broken server; nothing may write to it while Send does.
func (p *peer) NetConn() net.Conn {
	if p.tls != nil {
		return p.tls
	}
	return p.link.raw
}
