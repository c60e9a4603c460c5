// SPDX-License-Identifier: Apache-2.0

package messages

// Shared connections are kept apart from the idle ones: any number of attempts
// use one at the same time, so there is no lease and nothing to return. The
// keeper publishes the list, and an attempt uses the first one that is ready.

// ReadyShared returns a shared connection that is ready for another exchange, or
// nil.
func (p *Pool) ReadyShared() *Conn {
	list := p.shared.Load()
	if list == nil {
		return nil
	}
	for _, c := range *list {
		if c.Ready(0) {
			return c
		}
	}
	return nil
}

// Share publishes the shared connections. Only the keeper may call it, and it
// must not modify the list afterwards.
func (p *Pool) Share(list []*Conn) { p.shared.Store(&list) }

// SharedConns returns the shared connections. The list must not be modified.
func (p *Pool) SharedConns() []*Conn {
	if list := p.shared.Load(); list != nil {
		return *list
	}
	return nil
}
