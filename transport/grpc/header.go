// SPDX-License-Identifier: Apache-2.0

package grpc

import (
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	"example.com/mailcall/transport"
)

const (
	headType     = "Content-Type"
	headService  = "Micro-Service"
	headEndpoint = "Micro-Endpoint"
	headMethod   = "Micro-Method"
	headError    = "Micro-Error"
	headTimeout  = "Timeout"

	metaType    = "content-type"
	metaXType   = "x-content-type"
	metaTimeout = "timeout"
	metaDetails = "grpc-status-details-bin"

	metaPushback = "grpc-retry-pushback-ms"
)

// splitHeader divides the header of a request into the key of its route and metadata,
// which is appended to kv as alternating names and values. Values are copied, because
// gRPC's library may write them after the call was cancelled.
func splitHeader(h transport.Header, kv []string) (routeKey, []string) {
	var key routeKey
	for i := range h {
		name, value := h[i].Name, h[i].Value
		switch len(name) {
		case len(headType):
			if strings.EqualFold(name, headType) {
				key.contentType = or(key.contentType, value)
				continue
			}
		case len(headService):
			if strings.EqualFold(name, headService) {
				key.service = or(key.service, value)
				continue
			}
		case len(headEndpoint):
			if strings.EqualFold(name, headEndpoint) {
				key.endpoint = or(key.endpoint, value)
				continue
			}
		}
		if name = lower(name); !reserved(name) {
			kv = append(kv, name, strings.Clone(value))
		}
	}
	return key, kv
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// lower is strings.ToLower, but does not allocate for the one name that all requests
// have.
func lower(name string) string {
	if name == headTimeout {
		return metaTimeout
	}
	return strings.ToLower(name)
}

// reserved reports whether a field must not be sent as metadata, because it belongs to
// mailcall's protocol, to gRPC, or to HTTP's connection fields, which HTTP/2 forbids.
func reserved(name string) bool {
	switch name {
	case "micro-service", "micro-endpoint", "micro-method", "micro-id", "micro-stream", "micro-error",
		"micro-topic", "micro-target", "micro-protocol",
		metaType, metaXType, metaDetails, "te", "user-agent", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding",
		"grpc-message-type", "grpc-message", "grpc-status",
		"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "content-length":
		return true
	}
	return strings.HasPrefix(name, ":")
}

// appendFields adds received metadata to a header: the content type first, the rest
// sorted by name, the values of a name in the order of receipt. Names in skip are left
// out.
func appendFields(h transport.Header, md metadata.MD, skip ...string) transport.Header {
	if v := md[metaType]; len(v) > 0 && !slices.Contains(skip, metaType) {
		h = append(h, transport.Field{Name: headType, Value: v[0]})
	}
	if len(md) == 0 || len(md) == 1 && md[metaType] != nil {
		return h
	}
	names := make([]string, 0, len(md))
	for name := range md {
		if name != metaType && !slices.Contains(skip, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range md[name] {
			h = append(h, transport.Field{Name: name, Value: value})
		}
	}
	return h
}

// invalidPair describes the first pair that gRPC cannot carry; it returns "" if there is
// none.
func invalidPair(kv []string) string {
	for i := 0; i+1 < len(kv); i += 2 {
		name, value := kv[i], kv[i+1]
		if name == "" || strings.ContainsFunc(name, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
		}) {
			return "a name may have only letters, digits and -_., " + quote(name) + " has others"
		}
		if !strings.HasSuffix(name, "-bin") && strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
			return "the value of " + quote(name) + " has characters other than printable ASCII; names that end in -bin may have any"
		}
	}
	return ""
}

func quote(s string) string {
	const shown = 64
	if len(s) > shown {
		s = s[:shown] + "..."
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
