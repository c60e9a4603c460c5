// SPDX-License-Identifier: Apache-2.0

// Package gojson encodes every value with ordinary Go JSON, protobuf messages
// by the tags of their generated structs: snake_case names and numbers as
// numbers. That is how go-micro writes JSON inside an envelope or a gRPC frame.
package gojson

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/value"
)

const (
	name        = "json"
	wantEncode  = "any value of encoding/json that is not nil, or a codec.Frame"
	wantPointer = "a pointer that is not nil"
)

// Codec is ordinary Go JSON without a newline. It has no state.
type Codec struct{}

// Marshal returns the JSON text of v, with <, > and & escaped.
func (Codec) Marshal(v any) ([]byte, error) { return Append(nil, v) }

// Append appends the JSON text of v to dst.
func (Codec) Append(dst []byte, v any) ([]byte, error) { return Append(dst, v) }

// Unmarshal decodes the one JSON value in data into v.
func (Codec) Unmarshal(data []byte, v any) error { return Unmarshal(data, v) }

// Append appends the JSON text of v to dst. On an error it returns dst
// unchanged.
func Append(dst []byte, v any) ([]byte, error) {
	if value.Nil(v) {
		return dst, value.Refuse(name, wantEncode, v)
	}
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	// An Encoder writes its result in one piece, which saves the copy that
	// json.Marshal makes; its newline is removed again.
	out := sink{dst}
	if err := json.NewEncoder(&out).Encode(v); err != nil {
		return dst, fmt.Errorf("json codec: encode %T: %w", v, err)
	}
	return out.data[:len(out.data)-1], nil
}

// Unmarshal decodes the one JSON value in data into v. A protobuf message is
// reset first; other values are merged into, as encoding/json does it.
func Unmarshal(data []byte, v any) error {
	if codec.SetFrame(v, data) {
		return nil
	}
	if !value.Target(v) {
		return value.Refuse(name, wantPointer, v)
	}
	if m, ok := v.(proto.Message); ok {
		proto.Reset(m)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("json codec: decode %d bytes into %T: %w", len(data), v, err)
	}
	return nil
}

// sink is the io.Writer that appends to a slice.
type sink struct{ data []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.data = append(s.data, p...)
	return len(p), nil
}
