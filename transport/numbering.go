// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"strconv"
	"sync"
)

// Numbering recognises late answers on connections that carry one exchange at a time
// and whose answers repeat the Micro-ID of their request. If a server answers a
// request twice, the second answer must not be taken for that to the next request.
// It is used at the client's end. The zero value has seen no request. It is safe for
// concurrent use.
type Numbering struct {
	mu          sync.Mutex
	now, before int64 // ids plus 1; 0: none
}

// Asked records the id of a request, before it is sent. All messages of a stream
// have the same one.
func (n *Numbering) Asked(request Header) {
	id := numberOf(request)
	n.mu.Lock()
	defer n.mu.Unlock()
	if id != n.now {
		n.now, n.before = id, n.now
	}
}

// Old reports whether a received message answers the request before the last one and
// so must be dropped. It does not if it has no id or any other.
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
