// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strconv"
	"unsafe" //nolint:depguard // see digits: two allocations a call less

	"example.com/mailcall/transport"
)

// numbers are the numbers in a request's header: they differ in each request.
type numbers struct{ id, timeout digits }

// idBlock is how many ids an exchange reserves at once. All callers share the
// counter, and each use of it moves its cache line to another processor.
const idBlock = 16

// nextID returns a Micro-Id. It is unique within the client, starts at 0, and is
// in order if there is one call at a time.
func (x *exchange) nextID() int64 {
	if x.next == x.end {
		x.end = x.method.config.caller.ids.Add(idBlock)
		x.next = x.end - idBlock
	}
	x.next++
	return x.next - 1
}

// issued reports whether a request of this client may have had the id. Only the
// transport knows on which connection, see [transport.Numbering].
func (x *exchange) issued(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n >= 0 && (n < x.next || n < x.method.config.caller.ids.Load())
}

// mine reports whether the id in a reply's envelope is that of a request of this
// call. Error replies have no id, and some envelopes leave out an id of 0.
func (x *exchange) mine(id string) bool {
	if id == "" || id == "0" {
		return true
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && slices.Contains(x.asked, n)
}

// answeredID returns the id of the request that a reply says it answers, "" if it
// does not say. Over HTTP, where the field is spelt Micro-Id, it never does: a
// go-micro server repeats the field of the connection's first request.
func answeredID(h transport.Header) string {
	for i := range h {
		if h[i].Name == "Micro-ID" {
			return h[i].Value
		}
	}
	return ""
}

// digits is the memory for a decimal number. The string that write returns points
// into it and is valid until the next write. That is long enough, because a
// transport keeps nothing of a message after Send.
type digits [20]byte

func (d *digits) write(n int64) string {
	b := strconv.AppendInt(d[:0], n, 10)
	return unsafe.String(&b[0], len(b)) //nolint:gosec // see the type
}
