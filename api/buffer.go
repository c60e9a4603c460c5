// SPDX-License-Identifier: Apache-2.0

package api

import "sync"

// maxKept is the size in bytes up to which a buffer is kept for another call.
const maxKept = 1 << 20

// buffer is the memory of an encoded request. As a [transport.Loan] it can be
// handed to a connection, which returns it when the request has been written.
type buffer struct {
	bytes []byte
	pool  *sync.Pool // nil: the memory must not be reused
}

// buffer returns memory to encode into. A codec that does not append may return
// the caller's own memory, which is never reused.
func (cfg *config) buffer(f *form) *buffer {
	if f.appender == nil {
		return new(buffer)
	}
	b, _ := cfg.caller.bodies.Get().(*buffer)
	return b
}

// Return implements [transport.Loan].
func (b *buffer) Return() {
	if b.pool != nil && cap(b.bytes) <= maxKept {
		b.pool.Put(b)
	}
}
