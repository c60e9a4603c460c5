// SPDX-License-Identifier: Apache-2.0

// Package envelope is the JSON in which go-micro's HTTP and NATS brokers, and
// its NATS transport, wrap a message:
//
//	{"Header":{"Content-Type":"application/json"},"Body":"eyJ9"}
//
// The body is in standard base64, header fields stand in the order of their
// names, and what is absent is null.
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

	// braces are the bytes around header and body, nulls included.
	braces = 64
	// escaped is how many bytes one byte of a header can become: \u0000.
	escaped = 6
	// around are the quotes, the colon and the comma of one field.
	around = 6
)

// MaxSize returns how long the envelope of a message with a body of the given
// length can be, in bytes, when its header is within bounds. Readers refuse
// what is longer before they read it.
func MaxSize(body int) int {
	return base64.StdEncoding.EncodedLen(body) + MaxHeader*escaped + MaxFields*around + braces
}

// Encode returns the envelope of m. A header that is over its bounds is an
// error that matches [broker.ErrTooLarge], one that is not UTF-8 cannot be
// carried and is one that matches [broker.ErrInvalid].
func Encode(m *broker.Message) ([]byte, error) {
	if err := check(m.Header); err != nil {
		return nil, err
	}
	// Maps are written in the order of their keys, so equal messages are
	// equal bytes.
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

// Decode reads an envelope; the message shares nothing with data. The caller
// bounds len(data), see [MaxSize]. Unknown members are ignored, an absent
// header or body is none. Every error matches [broker.ErrMalformed], that of a
// header over its bounds [broker.ErrTooLarge] as well.
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

// fields reads a header one token at a time, so that one with too many fields
// ends before it has taken memory.
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
