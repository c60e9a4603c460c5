// SPDX-License-Identifier: Apache-2.0

package messages

import "example.com/mailcall/transport"

// Shared connections lie beside the shelf of idle ones: they are lent to
// everybody at once, so there is nothing to give back. The keeper publishes
// the list; an attempt that finds one ready uses it without asking.

// Common returns a shared connection that takes exchanges, or nil.
func (p *Pool) Common() *Conn {
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

// Share publishes the connections that everybody may use. For the keeper only,
// which does not change the list afterwards.
func (p *Pool) Share(list []*Conn) { p.shared.Store(&list) }

// SharedConns returns the shared connections. The list must not be changed.
func (p *Pool) SharedConns() []*Conn {
	if list := p.shared.Load(); list != nil {
		return *list
	}
	return nil
}

// Running is how many exchanges and streams a shared connection carries.
func (c *Conn) Running() int {
	n, _ := c.load()
	return n
}

// Begun is how many it has carried in all.
func (c *Conn) Begun() uint64 {
	_, n := c.load()
	return n
}

// load asks the transport. One that panics over the question carries nothing.
func (c *Conn) load() (running int, begun uint64) {
	defer func() { _ = recover() }()
	return c.Shared.Load()
}

// faces finds out what the transport's connection can do.
func (c *Conn) faces(t transport.Conn) {
	c.Exclusive, _ = t.(transport.Exclusive)
	c.RoundTripper, _ = t.(transport.RoundTripper)
	c.Async, _ = t.(transport.Async)
	c.Led, _ = t.(transport.Led)
	c.Parallel, _ = t.(transport.Parallel)
	c.Shared, _ = t.(transport.Shared)
	c.Streamer, _ = t.(transport.Streamer)
}
