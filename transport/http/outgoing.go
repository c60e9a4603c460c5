// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net"
	"sync"
)

const (
	// oneWrite is the size in bytes up to which head and body are copied into one
	// buffer and written at once. A longer body is not copied.
	oneWrite = 64 << 10
	// firstOutgoing is the first size of a buffer in bytes: enough for the head and
	// the body of a common request.
	firstOutgoing = 2 << 10
)

// outgoing is the memory of a Send. It comes from a pool.
type outgoing struct {
	b    []byte
	ends []int // ends of the fields that were not copied from the template
	vec  [2][]byte
	bufs net.Buffers
	pool *sync.Pool
}

// free returns o to its pool.
func (o *outgoing) free() {
	o.vec, o.bufs = [2][]byte{}, nil
	if cap(o.b) > oneWrite+DefaultMaxHeader {
		o.b = make([]byte, 0, firstOutgoing)
	}
	o.b = o.b[:0]
	o.pool.Put(o)
}
