// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"net"
	"sync"
)

// under is what a TLS connection has below it. Once hands are shaken, what TLS
// writes is collected there, so that sealing never waits for the socket.
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

// take returns what was collected and goes on with spare.
func (u *under) take(spare []byte) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.sealed
	u.sealed = spare[:0]
	return out
}
