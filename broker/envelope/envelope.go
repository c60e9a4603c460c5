// SPDX-License-Identifier: Apache-2.0

// Package envelope is the JSON in which go-micro's HTTP and NATS brokers, and
// its NATS transport, wrap a message:
//
//	{"Header":{"Content-Type":"application/json"},"Body":"eyJ9"}
//
// The body is in standard base64, header fields are sorted by name, and a missing
// header or body is null.
package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"example.com/mailcall/broker"
)

const (
	// MaxFields is how many header fields an envelope may have.
	MaxFields = 1024
	// MaxHeader is how many bytes the names and values of the header may have
	// together: 64 KiB, the default limit of the HTTP transport.
	MaxHeader = 64 << 10

	// braces is an upper bound of the bytes around header and body.
	braces = 64
	// escaped is how many bytes one byte of a header can become: \u0000.
	escaped = 6
	// around is the number of quotes, colons and commas of one field.
	around = 6
)

// MaxSize returns how many bytes the envelope of a message can have whose body has
// the given length and whose header is within bounds. Readers refuse longer ones
// before they read them.
func MaxSize(body int) int {
	return base64.StdEncoding.EncodedLen(body) + MaxHeader*escaped + MaxFields*around + braces
}

// Encode returns the envelope of m. The error matches [broker.ErrTooLarge] if the
// header is over its bounds, and [broker.ErrInvalid] if it is not UTF-8.
func Encode(m *broker.Message) ([]byte, error) {
	if err := check(m.Header); err != nil {
		return nil, err
	}
	// encoding/json sorts the keys of maps, so equal messages are equal bytes.
	header, err := json.Marshal(map[string]string(m.Header))
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", broker.ErrInvalid, err)
	}
	out := make([]byte, 0, len(header)+base64.StdEncoding.EncodedLen(len(m.Body))+braces)
	out = append(out, `{"Header":`...)
	out = append(out, header...)
	out = append(out, `,"Body":`...)
	if m.Body == nil {
		return append(out, `null}`...), nil
	}
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, m.Body)
	return append(out, `"}`...), nil
}

func check(header map[string]string) error {
	if len(header) > MaxFields {
		return fmt.Errorf("%w: %d header fields, the limit is %d", broker.ErrTooLarge, len(header), MaxFields)
	}
	size := 0
	for name, value := range header {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return fmt.Errorf("%w: header field %q is not UTF-8 and JSON carries nothing else", broker.ErrInvalid, name)
		}
		if size += len(name) + len(value); size > MaxHeader {
			return fmt.Errorf("%w: header of more than %d bytes", broker.ErrTooLarge, MaxHeader)
		}
	}
	return nil
}

// Decode reads an envelope; the message shares no memory with data. The caller
// must bound len(data), see [MaxSize]. Unknown members are ignored, and header and
// body may be missing. Every error matches [broker.ErrMalformed]; if the header is
// over its bounds, it also matches [broker.ErrTooLarge].
func Decode(data []byte) (broker.Message, error) {
	var outer struct {
		Header json.RawMessage `json:"Header"`
		Body   []byte          `json:"Body"`
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return broker.Message{}, fmt.Errorf("%w: want a JSON object with Header and Body", broker.ErrMalformed)
	}
	if err := json.Unmarshal(data, &outer); err != nil {
		return broker.Message{}, fmt.Errorf("%w: %w", broker.ErrMalformed, err)
	}
	header, err := fields(outer.Header)
	if err != nil {
		return broker.Message{}, fmt.Errorf("%w: header: %w", broker.ErrMalformed, err)
	}
	return broker.Message{Header: header, Body: outer.Body}, nil
}

// fields reads a header token by token, so that one with too many fields is refused
// before it takes up memory.
func fields(data json.RawMessage) (map[string]string, error) {
	if len(data) == 0 || slices.Equal(data, []byte("null")) {
		return nil, nil
	}
	if len(data) > MaxHeader*escaped+MaxFields*around+braces {
		return nil, fmt.Errorf("%w: %d bytes of JSON", broker.ErrTooLarge, len(data))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("want an object, got %.20q", data)
	}
	header, size := make(map[string]string), 0
	for d.More() {
		var pair [2]string
		for i := range pair {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			text, ok := t.(string)
			if t != nil && !ok {
				return nil, fmt.Errorf("field %q: want a string, got %v", pair[0], t)
			}
			pair[i] = text
			size += len(text)
		}
		header[pair[0]] = pair[1]
		if len(header) > MaxFields || size > MaxHeader {
			return nil, fmt.Errorf("%w: more than %d fields or %d bytes", broker.ErrTooLarge, MaxFields, MaxHeader)
		}
	}
	return header, nil
}
