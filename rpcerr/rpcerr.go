// SPDX-License-Identifier: Apache-2.0

// Package rpcerr has the errors of calls: what a service answered, why a call
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
	// IDTransport marks connection faults in errors that go-micro makes. This client
	// does not use it.
	IDTransport = "go.micro.client.transport"
	// IDCodec marks values that could not be encoded or decoded.
	IDCodec = "go.micro.client.codec"
	// IDServer marks faults of the server outside a handler.
	IDServer = "go.micro.server"
)

// Error is an error in go-micro's form. An error that a service returns reaches the
// caller as an *Error inside a [CallError]; if it was plain text, only Detail is
// set. Errors must not be modified.
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

// Parse parses the text of a server's error: go-micro's JSON object, or any other
// text, which becomes the Detail of an error with code 0. Unknown members are only
// in the text that [Error.Error] returns. But if the object has neither id nor
// detail, all of the text becomes the Detail, so that an object of another form,
// such as one with a "message", still says what is wrong. FromServer of the result
// is true.
func Parse(text string) *Error {
	e := &Error{fromServer: true}
	if !e.readObject(text) {
		e.Detail = text
	}
	return e
}

// readObject fills e from go-micro's JSON object. It reports false for any other
// text.
func (e *Error) readObject(text string) bool {
	trimmed := strings.TrimSpace(text)
	var w wireError
	if !strings.HasPrefix(trimmed, "{") || json.Unmarshal([]byte(trimmed), &w) != nil {
		return false
	}
	e.ID, e.Code, e.Detail, e.Status = w.ID, w.Code, w.Detail, w.Status
	if e.ID == "" && e.Detail == "" && foreign(trimmed) {
		e.Detail = text
	}
	if e.Error() != trimmed {
		e.text = text
	}
	return true
}

// foreign reports whether a JSON object has members that go-micro's errors do not
// have, or none at all.
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

// Error returns the JSON text of the error as go-micro sends it, or only the detail
// if nothing else is set. For an error from a server it is the text that the server
// sent, with members that are not known here, such as a "reason".
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

// MarshalJSON implements json.Marshaler: {"id","code","detail","status"} in this
// order, without empty members.
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

// Is makes errors.Is match an *Error with the same code; if the target has an ID,
// that must be the same too.
func (e *Error) Is(target error) bool {
	var t *Error
	if !errors.As(target, &t) {
		return false
	}
	return t.Code == e.Code && (t.ID == "" || t.ID == e.ID)
}

// FromServer reports whether a server has sent this error, rather than the client
// made it.
func (e *Error) FromServer() bool { return e.fromServer }
