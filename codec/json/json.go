// SPDX-License-Identifier: Apache-2.0

// Package json is the codec of application/json: one JSON value and a newline.
//
// Protobuf messages follow the protobuf JSON mapping: lowerCamelCase names
// (snake_case is accepted on input), 64-bit integers as strings, zero values
// left out; <, > and & in strings are escaped, as in ordinary Go JSON. Members
// that a message does not have are ignored on input, so that a newer server can
// answer an older client. Every other value is ordinary Go JSON.
package json

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/gojson"
	"example.com/mailcall/codec/internal/value"
)

// Codec encodes values as JSON. It is stateless: the zero value is ready to
// use, and it is safe for concurrent use.
type Codec struct{}

var _ codec.Appender = Codec{}

// New returns the codec.
func New() Codec { return Codec{} }

// Marshal returns the compact JSON text of v and a newline. The same message
// gives the same bytes each time. A nil and a nil pointer are a
// [codec.TypeError].
func (c Codec) Marshal(v any) ([]byte, error) { return c.Append(nil, v) }

// Append appends the compact JSON text of v and a newline to dst. On an error
// it returns dst unchanged.
func (Codec) Append(dst []byte, v any) ([]byte, error) {
	if data, ok := codec.FrameOf(v); ok {
		return append(dst, data...), nil
	}
	m, ok := v.(proto.Message)
	if !ok || value.Nil(v) {
		out, err := gojson.Append(dst, v)
		if err != nil {
			return dst, err
		}
		return append(out, '\n'), nil
	}
	out, err := protojson.MarshalOptions{}.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("json codec: encode %T: %w", v, err)
	}
	out, plain := compact(out, len(dst))
	if !plain {
		out = escape(out, len(dst))
	}
	return append(out, '\n'), nil
}

// Unmarshal decodes the one JSON value in data into v, a pointer that is not
// nil. A protobuf message is reset first.
func (Codec) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok || value.Nil(v) {
		return gojson.Unmarshal(data, v)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, m); err != nil {
		return fmt.Errorf("json codec: decode %d bytes into %T: %w", len(data), v, err)
	}
	return nil
}

// compact removes the spaces between tokens from text[from:], in place. protojson
// inserts them at random so that nobody relies on its output, but equal messages
// should be equal bytes here. It reports whether there is nothing to escape.
func compact(text []byte, from int) (_ []byte, plain bool) {
	kept, quoted := from, false
	plain = true
	for i := from; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			// The escaped character may be a quote.
			text[kept] = c
			kept++
			i++
			c = text[i]
		case !quoted && c == ' ':
			continue
		case c == '<' || c == '>' || c == '&' || c == lineEnds:
			plain = false
		}
		text[kept] = c
		kept++
	}
	return text[:kept], plain
}

// lineEnds is the first byte of U+2028 and U+2029 in UTF-8.
const lineEnds = 0xe2

// escape writes <, >, & and the line ends of Unicode in text[from:] as \u003c and so
// on, as go-micro does: there the text of a message passes through Go's own encoder.
func escape(text []byte, from int) []byte {
	var out bytes.Buffer
	json.HTMLEscape(&out, text[from:])
	return append(text[:from], out.Bytes()...)
}
