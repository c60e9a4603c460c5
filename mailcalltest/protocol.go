// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"strings"

	"example.com/mailcall/codec"
	"example.com/mailcall/transport"
)

// The content types with rules of their own.
const (
	typeJSON     = "application/json"
	typeJSONRPC  = "application/json-rpc"
	typeProtobuf = "application/protobuf"
	typeProtoRPC = "application/proto-rpc"
	typeOctet    = "application/octet-stream"
	typeText     = "text/plain"
	typeGRPC     = "application/grpc"
)

// legacy reports whether the request uses the old protocol, in which the endpoint
// is in the envelope. If not, and one of method and endpoint is missing, it is set
// to the other.
func legacy(h *transport.Header) bool {
	if either(*h, headProtocol) != "" || either(*h, headTopic) != "" {
		return false
	}
	service, method, endpoint := either(*h, headService), either(*h, headMethod), either(*h, headEndpoint)
	if service == "" && method == "" && endpoint == "" || either(*h, headTarget) != "" {
		return true
	}
	if method == "" && endpoint != "" {
		h.Set(headMethod, endpoint)
	}
	if endpoint == "" && method != "" {
		h.Set(headEndpoint, method)
	}
	return false
}

// legacyType returns the content type whose codec reads a request of the old
// protocol, "" if the old protocol does not know contentType.
func legacyType(contentType string) string {
	switch contentType {
	case typeJSON, typeJSONRPC:
		return typeJSONRPC
	case typeProtobuf, typeProtoRPC, typeOctet:
		return typeProtoRPC
	}
	return ""
}

// chooseCodec returns the codec of the request, nil when there is none. It
// completes the header: content type, method, endpoint.
func chooseCodec(codecs map[string]codec.Codec, h *transport.Header) codec.Codec {
	contentType := h.Get(headType)
	if contentType == "" {
		contentType = typeProtobuf // go-micro's default
		h.Set(headType, contentType)
	}
	if legacy(h) {
		if c := codecs[legacyType(contentType)]; c != nil {
			return c
		}
	}
	return codecs[contentType]
}

func isGRPC(contentType string) bool {
	return contentType == typeGRPC || strings.HasPrefix(contentType, typeGRPC+"+")
}

// canSayError reports whether an error reaches the client under this codec.
// The codecs of bytes and text cannot encode the missing body of an error
// answer, and a go-micro server then sends nothing at all.
func canSayError(contentType string, c codec.Codec) bool {
	if _, ok := c.(codec.Enveloper); ok {
		return true
	}
	switch contentType {
	case typeJSON, typeProtobuf:
		return true
	case typeOctet, typeText:
		return false
	}
	if isGRPC(contentType) {
		return true
	}
	_, err := c.Marshal(nil)
	return err == nil
}
