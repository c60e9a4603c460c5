// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net"
	"sync"
)

const (
	// oneWrite is the longest message that is copied together and written
	// with one plain write; a longer body is written from where it lies.
	oneWrite = 64 << 10
	// firstOutgoing holds the head and the body of a common request.
	firstOutgoing = 2 << 10
)

// outgoing is what a Send needs while it lasts.
type outgoing struct {
	b    []byte
	ends []int // of the fields that were written anew
	vec  [2][]byte
	bufs net.Buffers
	pool *sync.Pool
}

// free gives o back to its pool.
func (o *outgoing) free() {
	o.vec, o.bufs = [2][]byte{}, nil
	if cap(o.b) > oneWrite+DefaultMaxHeader {
		o.b = make([]byte, 0, firstOutgoing)
	}
	o.b = o.b[:0]
	o.pool.Put(o)
}
