// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"
	"strings"

	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

// addMetadata adds the metadata in the context, except for reserved fields.
func addMetadata(ctx context.Context, m *transport.Message, fixed transport.Header) {
	md, ok := metadata.FromContext(ctx)
	if !ok {
		return
	}
	at := len(m.Header)
	for name, value := range md {
		if !reserved(name, fixed) {
			m.Header.Add(name, value)
		}
	}
	// Sorted, because a transport may compress a header that equals the last one.
	slices.SortFunc(m.Header[at:], func(a, b transport.Field) int { return strings.Compare(a.Name, b.Name) })
}

// reserved reports whether metadata must not set the field, because the protocol
// does. A topic would turn the call into an event, a stream id into part of a
// stream, and an error text would be repeated in every reply on the connection.
// A handler that makes calls with its incoming metadata has all of these in it.
func reserved(name string, fixed transport.Header) bool {
	if isProtocol(name) {
		return true
	}
	_, is := fixed.Lookup(name)
	return is
}

// isFixed reports whether every request has the field, made from the request itself.
func isFixed(name string) bool {
	for _, own := range [...]string{"Content-Type", "Micro-Service", "Micro-Method", "Micro-Endpoint"} {
		if len(name) == len(own) && strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// isProtocol reports whether the field has a meaning of its own in the protocol.
func isProtocol(name string) bool {
	for _, own := range [...]string{"Micro-Topic", "Micro-ID", "Timeout", "Micro-Stream", "Micro-Error"} {
		if len(name) == len(own) && strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}
