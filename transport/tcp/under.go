// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net"
	"sync"
)

// under is the connection below a TLS connection. After the handshake it collects what
// TLS writes, so that encrypting never blocks on the socket.
type under struct {
	net.Conn

	mu       sync.Mutex
	collects bool
	sealed   []byte
}

// Write implements [net.Conn].
func (u *under) Write(p []byte) (int, error) {
	u.mu.Lock()
	if u.collects {
		u.sealed = append(u.sealed, p...)
		u.mu.Unlock()
		return len(p), nil
	}
	u.mu.Unlock()
	return u.Conn.Write(p)
}

func (u *under) collect() {
	u.mu.Lock()
	u.collects = true
	u.mu.Unlock()
}

// take returns what was collected, and collects into spare from then on.
func (u *under) take(spare []byte) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.sealed
	u.sealed = spare[:0]
	return out
}
