// SPDX-License-Identifier: Apache-2.0

// Package proto is the codec of application/protobuf: the bare bytes of a
// protobuf message. A message with nothing set is an empty body.
package proto

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/value"
)

// Codec encodes protobuf messages. It is stateless: the zero value is ready to
// use, and it is safe for concurrent use.
//
// A message that has the methods of vtprotobuf (SizeVT and
// MarshalToSizedBufferVT, UnmarshalVT and Reset) is encoded and decoded by
// them.
type Codec struct{}

var _ codec.Appender = Codec{}

// New returns the codec.
func New() Codec { return Codec{} }

const (
	name = "proto"
	want = "a protobuf message that is not nil, or a codec.Frame"
)

// Marshal returns the encoding of v, a protobuf message; anything else and a
// nil pointer are a [codec.TypeError].
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append is Marshal, but appends to dst. It does not allocate if dst has room for
// the encoding. On an error it returns dst unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) {
	if value.Nil(v) {
		return dst, value.Refuse(name, want, v)
	}
	switch m := v.(type) {
	case fastMarshaler:
		return appendFast(dst, m)
	case proto.Message:
		out, err := proto.MarshalOptions{}.MarshalAppend(dst, m)
		if err != nil {
			return dst, fmt.Errorf("proto codec: encode %T: %w", v, err)
		}
		return out, nil
	}
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	return dst, value.Refuse(name, want, v)
}

// Unmarshal resets v, a protobuf message, and decodes data into it. It keeps
// nothing of data.
func (Codec) Unmarshal(data []byte, v any) error {
	if value.Nil(v) {
		return value.Refuse(name, want, v)
	}
	var err error
	switch m := v.(type) {
	case fastUnmarshaler:
		m.Reset()
		err = m.UnmarshalVT(data)
	case proto.Message:
		err = proto.Unmarshal(data, m)
	default:
		if codec.SetFrame(v, data) {
			return nil
		}
		return value.Refuse(name, want, v)
	}
	if err != nil {
		return undecoded(data, v, err)
	}
	return nil
}

// undecoded returns the error for data that cannot be decoded. It is a function of
// its own to keep the stack frame of Unmarshal small.
func undecoded(data []byte, v any, err error) error {
	return fmt.Errorf("proto codec: decode %d bytes into %T: %w", len(data), v, err)
}
