// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"strconv"
	"sync"
)

// Numbering tells the answer to the last request of a connection from one more
// to the request before it, on wires where an answer repeats the Micro-ID of
// its request: a server that answers twice would else have its second answer
// taken for that to the next request. It is for the client's end of a
// connection that carries one exchange at a time. The zero value has seen no
// request. Its methods may be called by any goroutine.
type Numbering struct {
	mu          sync.Mutex
	now, before int64 // ids and 1; 0: none
}

// Asked takes down the id of a request, before it is sent. The messages of a
// stream all have the same one.
func (n *Numbering) Asked(request Header) {
	id := numberOf(request)
	n.mu.Lock()
	defer n.mu.Unlock()
	if id != n.now {
		n.now, n.before = id, n.now
	}
}

// Old reports whether a message that was received answers the request before the
// last one, and so is to be dropped. One without an id, or with any other, is not.
func (n *Numbering) Old(answer Header) bool {
	id := numberOf(answer)
	n.mu.Lock()
	defer n.mu.Unlock()
	return id != 0 && id == n.before && id != n.now
}

func numberOf(h Header) int64 {
	n, err := strconv.ParseInt(h.Get("Micro-ID"), 10, 63)
	if err != nil || n < 0 {
		return 0
	}
	return n + 1
}
