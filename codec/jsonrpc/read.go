// SPDX-License-Identifier: Apache-2.0

package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"example.com/mailcall/codec"
)

// request and reply are the lines. The names of these types occur in errors.
type (
	request struct {
		ID     json.RawMessage   `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	reply struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
)

// ReadRequest splits a request line. The id may be any JSON value: the envelope gets
// the content of a string, "" for null or a missing id, and the JSON text of
// anything else. There must be exactly one parameter. Unknown members are ignored.
// The value is a copy.
func (Codec) ReadRequest(data []byte) (codec.Envelope, []byte, error) {
	var line request
	if err := json.Unmarshal(data, &line); err != nil {
		return codec.Envelope{}, nil, fmt.Errorf("json-rpc codec: request of %d bytes: %w", len(data), err)
	}
	if n := len(line.Params); n != 1 {
		return codec.Envelope{}, nil, fmt.Errorf("json-rpc codec: request has %d params, want 1", n)
	}
	return codec.Envelope{ID: text(line.ID), Method: line.Method}, line.Params[0], nil
}

// ReadReply splits a reply line. Id and error may be any JSON value, as in
// [Codec.ReadRequest]. An error that is null, missing or "" means success, and then
// there must be a result. Unknown members are ignored. The value is a copy, nil in
// an error reply.
func (Codec) ReadReply(data []byte) (codec.Envelope, []byte, error) {
	var line reply
	if err := json.Unmarshal(data, &line); err != nil {
		return codec.Envelope{}, nil, fmt.Errorf("json-rpc codec: reply of %d bytes: %w", len(data), err)
	}
	e := codec.Envelope{ID: text(line.ID), Error: text(line.Error)}
	switch {
	case e.Error != "":
		return e, nil, nil
	case line.Result == nil:
		return codec.Envelope{}, nil, errors.New("json-rpc codec: reply has neither a result nor an error")
	}
	return e, line.Result, nil
}

// text returns an id or error as text: the content of a string, "" for null, else
// the JSON text, with U+FFFD for bytes that are not UTF-8, as in strings. go-micro
// prints numbers as floats, which corrupts long ids.
func text(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}
