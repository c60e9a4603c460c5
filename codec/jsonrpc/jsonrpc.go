// SPDX-License-Identifier: Apache-2.0

// Package jsonrpc is the codec of application/json-rpc: JSON-RPC 1.0 in the
// form that go-micro writes, one line for each message:
//
//	{"params":[ARG],"id":"0","method":"Greeter.Hello"}
//	{"id":"0","result":RESULT,"error":null}
//	{"id":"","result":null,"error":"text"}
//
// ARG and RESULT are ordinary Go JSON, protobuf messages included: snake_case
// names, numbers as numbers.
package jsonrpc

import (
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/gojson"
)

// Codec encodes values as JSON inside JSON-RPC envelopes. It is stateless: the
// zero value is ready to use, and it is safe for concurrent use.
type Codec struct{}

var (
	_ codec.Appender  = Codec{}
	_ codec.Enveloper = Codec{}
)

// New returns the codec.
func New() Codec { return Codec{} }

// Marshal returns the JSON text of v without an envelope and without a newline, as
// in an event. For nil and a nil pointer the error is a [codec.TypeError].
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append appends the bare JSON text of v to dst. On an error it returns dst
// unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) { return gojson.Append(dst, v) }

// Unmarshal decodes the one JSON value in data, bare or as ReadRequest and
// ReadReply return it, into v, a pointer that is not nil.
func (Codec) Unmarshal(data []byte, v any) error { return gojson.Unmarshal(data, v) }

// AppendRequest appends the request line to dst. A [codec.Frame] is the whole
// line: it brings its own envelope and e is not looked at. On an error it
// returns dst unchanged.
func (Codec) AppendRequest(dst []byte, e codec.Envelope, v any) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	out, err := gojson.Append(append(dst, `{"params":[`...), v)
	if err != nil {
		return dst, err
	}
	out = appendString(append(out, `],"id":`...), e.ID)
	out = appendString(append(out, `,"method":`...), e.Method)
	return append(out, "}\n"...), nil
}

// AppendReply appends the reply line to dst. The id of an error reply is empty
// whatever e.ID is, as on go-micro's wire. A [codec.Frame] is the whole line of
// a success. On an error it returns dst unchanged.
func (Codec) AppendReply(dst []byte, e codec.Envelope, v any) ([]byte, error) {
	if e.Error != "" {
		out := appendString(append(dst, `{"id":"","result":null,"error":`...), e.Error)
		return append(out, "}\n"...), nil
	}
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	out := appendString(append(dst, `{"id":`...), e.ID)
	out, err := gojson.Append(append(out, `,"result":`...), v)
	if err != nil {
		return dst, err
	}
	return append(out, ",\"error\":null}\n"...), nil
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, so there is no string that cannot be encoded.
func appendString(dst []byte, s string) []byte {
	out, err := gojson.Append(dst, s)
	if err != nil {
		return append(dst, `""`...)
	}
	return out
}
