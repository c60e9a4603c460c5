// SPDX-License-Identifier: Apache-2.0

package api

import "sync"

// maxKept is the size in bytes up to which a buffer is kept for another call.
const maxKept = 1 << 20

// room is the memory of an encoded request. As a [transport.Loan] it can be
// handed to a connection, which returns it when the request has been written.
type room struct {
	bytes []byte
	pool  *sync.Pool // nil: the memory must not be reused
}

// room returns memory to encode into. A codec that does not append may return
// the caller's own memory, which is never reused.
func (cfg *config) room(f *form) *room {
	if f.appender == nil {
		return new(room)
	}
	r, _ := cfg.caller.bodies.Get().(*room)
	return r
}

// Return implements [transport.Loan].
func (r *room) Return() {
	if r.pool != nil && cap(r.bytes) <= maxKept {
		r.pool.Put(r)
	}
}
