// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"strings"

	"example.com/mailcall/metadata"
	"example.com/mailcall/transport"
)

// The header names of go-micro's protocol.
const (
	headService  = "Micro-Service"
	headMethod   = "Micro-Method"
	headEndpoint = "Micro-Endpoint"
	headStream   = "Micro-Stream"
	headError    = "Micro-Error"
	headTopic    = "Micro-Topic"
	headTarget   = "Micro-Target"
	headProtocol = "Micro-Protocol"
	headTimeout  = "Timeout"
	headType     = "Content-Type"
	// headID is case-sensitive: HTTP changes it to Micro-Id, and then a go-micro
	// server does not find it.
	headID = "Micro-ID"
	// endOfStream is the text of Micro-Error that ends a stream.
	endOfStream = "EOS"
	alternate   = "X-"
)

// either returns the value of name, or that of X-name if it is empty.
func either(h transport.Header, name string) string {
	if value := h.Get(name); value != "" {
		return value
	}
	return h.Get(alternate + name)
}

// exact returns the value of the field with exactly this name.
func exact(h transport.Header, name string) string {
	for i := range h {
		if h[i].Name == name {
			return h[i].Value
		}
	}
	return ""
}

// both sets name and X-name, unless value is empty.
func both(h *transport.Header, name, value string) {
	if value == "" {
		return
	}
	h.Set(name, value)
	h.Set(alternate+name, value)
}

// keep returns a message that shares no memory with m, which belongs to the
// connection.
func keep(m *transport.Message) *transport.Message {
	kept := &transport.Message{
		Header: make(transport.Header, len(m.Header)),
		Body:   append([]byte(nil), m.Body...),
	}
	for i, f := range m.Header {
		kept.Header[i] = transport.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)}
	}
	return kept
}

// toMetadata returns the header as a handler gets it. If a name occurs several
// times, the first field counts.
func toMetadata(h transport.Header, local, remote string) metadata.Metadata {
	md := make(metadata.Metadata, len(h)+2)
	for _, f := range h {
		if _, taken := md[f.Name]; !taken {
			md[f.Name] = f.Value
		}
	}
	md["Local"], md["Remote"] = local, remote
	return md
}
