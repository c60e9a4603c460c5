// SPDX-License-Identifier: Apache-2.0

// Package text is the codec of text/plain: strings as they are. It does not
// look at the character set.
package text

import (
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/value"
)

// Codec carries text. It is stateless: the zero value is ready to use, and it
// is safe for concurrent use.
type Codec struct{}

var _ codec.Appender = Codec{}

// New returns the codec.
func New() Codec { return Codec{} }

const (
	name       = "text"
	wantEncode = "string, *string, []byte, *[]byte or codec.Frame"
	wantDecode = "*string, *[]byte or *codec.Frame that is not nil"
)

// Marshal returns the bytes of v, a string, *string, []byte, *[]byte or
// [codec.Frame]; for anything else the error is a [codec.TypeError].
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append appends the bytes of v to dst. On an error it returns dst unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) {
	if value.Nil(v) {
		return dst, value.Refuse(name, wantEncode, v)
	}
	switch t := v.(type) {
	case string:
		return append(dst, t...), nil
	case *string:
		return append(dst, *t...), nil
	case []byte:
		return append(dst, t...), nil
	case *[]byte:
		return append(dst, *t...), nil
	}
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	return dst, value.Refuse(name, wantEncode, v)
}

// Unmarshal puts a copy of data into v, a *string, *[]byte or *[codec.Frame].
func (Codec) Unmarshal(data []byte, v any) error {
	if value.Nil(v) {
		return value.Refuse(name, wantDecode, v)
	}
	switch t := v.(type) {
	case *string:
		*t = string(data)
		return nil
	case *[]byte:
		*t = append([]byte{}, data...)
		return nil
	}
	if codec.SetFrame(v, data) {
		return nil
	}
	return value.Refuse(name, wantDecode, v)
}
