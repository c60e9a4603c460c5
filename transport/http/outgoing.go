// SPDX-License-Identifier: Apache-2.0

package http

import "net"

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
}

func newOutgoing() *outgoing { return &outgoing{b: make([]byte, 0, firstOutgoing)} }

// free gives o back to the pool.
func (t *Transport) free(o *outgoing) {
	o.vec, o.bufs = [2][]byte{}, nil
	if cap(o.b) > oneWrite+DefaultMaxHeader {
		o.b = make([]byte, 0, firstOutgoing)
	}
	o.b = o.b[:0]
	t.outgoing.Put(o)
}
