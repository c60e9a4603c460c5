// SPDX-License-Identifier: Apache-2.0

// Package rpcerr is the error model: what a service answered, why a call
// failed, and how far each of its attempts came.
package rpcerr

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Well-known values of [Error.ID], as go-micro uses them.
const (
	// IDClient marks faults found by the client.
	IDClient = "go.micro.client"
	// IDTransport marks faults of the connection in go-micro's own errors.
	// This client makes none of it: its faults are a [CallError].
	IDTransport = "go.micro.client.transport"
	// IDCodec marks values that could not be encoded or decoded.
	IDCodec = "go.micro.client.codec"
	// IDServer marks faults of the server outside a handler.
	IDServer = "go.micro.server"
)

// Error is an error as it travels on go-micro's wire. A service's answer that
// is an error reaches the caller as an *Error inside a [CallError]; a plain
// text answer has Detail only. Errors are immutable once made.
type Error struct {
	// ID names the component that failed, "greeter.fail".
	ID string
	// Code is like an HTTP status; 0 when the service sent plain text.
	Code int32
	// Detail says what is wrong.
	Detail string
	// Status is the HTTP reason phrase of Code, "" for codes HTTP lacks.
	Status string

	fromServer bool
	cause      error
	text       string // what the server sent, if the members do not make it
}

// New returns an error with the Status that belongs to code.
func New(id string, code int32, detail string) *Error {
	return &Error{ID: id, Code: code, Detail: detail, Status: http.StatusText(int(code))}
}

// Wrap is New with a cause that errors.Is and errors.As find. The detail is
// the cause's text when detail is empty.
func Wrap(cause error, id string, code int32, detail string) *Error {
	if detail == "" && cause != nil {
		detail = cause.Error()
	}
	e := New(id, code, detail)
	e.cause = cause
	return e
}

// Parse reads the text of a server's error: the JSON object of go-micro, or
// anything else as a Detail with code 0. Unknown members are nowhere but in the
// text of [Error.Error], unless the object has neither id nor detail: then the
// whole text is the Detail, so that an object of another kind, such as one with a
// "message", still says what is wrong. The result says FromServer.
func Parse(text string) *Error {
	e := &Error{fromServer: true}
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "{") {
		var w wireError
		if json.Unmarshal([]byte(trimmed), &w) == nil {
			e.ID, e.Code, e.Detail, e.Status = w.ID, w.Code, w.Detail, w.Status
			if e.ID == "" && e.Detail == "" && foreign(trimmed) {
				e.Detail = text
			}
			if e.Error() != trimmed {
				e.text = text
			}
			return e
		}
	}
	e.Detail = text
	return e
}

// foreign reports whether a JSON object has members that go-micro's errors have
// not, or none at all.
func foreign(object string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &members) != nil {
		return true
	}
	for name := range members {
		switch strings.ToLower(name) {
		case "id", "code", "detail", "status":
		default:
			return true
		}
	}
	return len(members) == 0
}

// wireError fixes the order of the members: id, code, detail, status.
type wireError struct {
	ID     string `json:"id,omitempty"`
	Code   int32  `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	Status string `json:"status,omitempty"`
}

// Error returns the JSON text of the object. For one that a server sent that is
// its own text, with members in it that are not known here, such as a "reason";
// an error with nothing but a detail is its plain text.
func (e *Error) Error() string {
	if e.text != "" {
		return e.text
	}
	if e.ID == "" && e.Code == 0 && e.Status == "" {
		return e.Detail
	}
	text, err := e.MarshalJSON()
	if err != nil {
		return e.Detail
	}
	return string(text)
}

// MarshalJSON implements json.Marshaler: {"id","code","detail","status"} in
// that order, empty members left out.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireError{e.ID, e.Code, e.Detail, e.Status})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Error) UnmarshalJSON(data []byte) error {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*e = Error{ID: w.ID, Code: w.Code, Detail: w.Detail, Status: w.Status}
	return nil
}

// Unwrap returns the cause given to [Wrap].
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match any *Error of the same code; a target with an ID
// wants the same ID as well.
func (e *Error) Is(target error) bool {
	var t *Error
	if !errors.As(target, &t) {
		return false
	}
	return t.Code == e.Code && (t.ID == "" || t.ID == e.ID)
}

// FromServer reports whether a server sent this error, as opposed to a fault
// that the client found.
func (e *Error) FromServer() bool { return e.fromServer }
