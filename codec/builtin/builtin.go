// SPDX-License-Identifier: Apache-2.0

// Package builtin lists the codecs that every client has by default.
package builtin

import (
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/bytes"
	"example.com/mailcall/codec/grpcframe"
	"example.com/mailcall/codec/internal/gojson"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/codec/jsonrpc"
	"example.com/mailcall/codec/proto"
	"example.com/mailcall/codec/protorpc"
	"example.com/mailcall/codec/text"
)

// Codecs returns a new map from content type to codec: those that go-micro's client
// and server have by default, and text/plain, which a go-micro server accepts if it
// is given a codec for it.
func Codecs() map[string]codec.Codec {
	return map[string]codec.Codec{
		"application/protobuf":     proto.New(),
		"application/json":         json.New(),
		"application/octet-stream": bytes.New(),
		"application/json-rpc":     jsonrpc.New(),
		"application/proto-rpc":    protorpc.New(),
		"application/grpc":         grpcframe.New(proto.New()),
		"application/grpc+proto":   grpcframe.New(proto.New()),
		"application/grpc+json":    grpcframe.New(gojson.Codec{}),
		"text/plain":               text.New(),
	}
}
