// SPDX-License-Identifier: Apache-2.0

package http

import "net"

// NetConn returns the connection that answers are written to: the socket, or the TLS
// connection on top of it. It is for tests that simulate a broken server. It must not
// be written to during a Send.
func (p *peer) NetConn() net.Conn {
	if p.tls != nil {
		return p.tls
	}
	return p.link.raw
}
