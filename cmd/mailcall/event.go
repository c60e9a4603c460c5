// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/mailcall/broker"
)

// eventForm is an event under --json. The body is JSON or text, or, with the encoding
// "base64", any other bytes.
type eventForm struct {
	Topic    string            `json:"topic"`
	Header   map[string]string `json:"header"`
	Body     json.RawMessage   `json:"body"`
	Encoding string            `json:"encoding,omitempty"`
	Error    string            `json:"error,omitempty"`
}

func eventJSON(e broker.Event) (_ []byte, err error) {
	form := eventForm{Topic: e.Topic, Header: e.Message.Header, Error: textOf(e.Err)}
	if form.Header == nil {
		form.Header = map[string]string{}
	}
	switch value, is := compact(e); {
	case is:
		form.Body = value
	case utf8.Valid(e.Message.Body):
		form.Body, err = json.Marshal(string(e.Message.Body))
	default:
		form.Body, err = json.Marshal(base64.StdEncoding.EncodeToString(e.Message.Body))
		form.Encoding = "base64"
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(form)
}

// eventLine returns the body of an event as one line: JSON or text unchanged, and
// quoted if it would not fit on a line.
func eventLine(e broker.Event) []byte {
	if value, is := compact(e); is {
		return value
	}
	text := string(e.Message.Body)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		text = strconv.Quote(text)
	}
	return []byte(text)
}

// compact returns the body of an event as compact JSON, if its content type is JSON.
func compact(e broker.Event) (json.RawMessage, bool) {
	contentType, known := e.Message.Header.Get("Content-Type")
	if known && !strings.Contains(contentType, "json") {
		return nil, false
	}
	var value bytes.Buffer
	if json.Compact(&value, e.Message.Body) != nil {
		return nil, false
	}
	return value.Bytes(), true
}
