// SPDX-License-Identifier: Apache-2.0

// Package bytes is the codec of application/octet-stream: byte slices as they
// are.
package bytes

import (
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/value"
)

// Codec carries bytes. It is stateless: the zero value is ready to use, and it
// is safe for concurrent use.
type Codec struct{}

var _ codec.Appender = Codec{}

// New returns the codec.
func New() Codec { return Codec{} }

const (
	name       = "bytes"
	wantEncode = "[]byte, *[]byte or codec.Frame"
	wantDecode = "*[]byte or *codec.Frame that is not nil"
)

// Marshal returns a copy of v, a []byte, *[]byte or [codec.Frame]; for anything
// else the error is a [codec.TypeError].
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append appends the bytes of v to dst. On an error it returns dst unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) {
	switch b := v.(type) {
	case []byte:
		return append(dst, b...), nil
	case *[]byte:
		if b != nil {
			return append(dst, *b...), nil
		}
	}
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	return dst, value.Refuse(name, wantEncode, v)
}

// Unmarshal puts a copy of data into v, a *[]byte or *[codec.Frame].
func (Codec) Unmarshal(data []byte, v any) error {
	if b, ok := v.(*[]byte); ok && b != nil {
		*b = append([]byte{}, data...)
		return nil
	}
	if codec.SetFrame(v, data) {
		return nil
	}
	return value.Refuse(name, wantDecode, v)
}
