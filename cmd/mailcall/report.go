// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"example.com/mailcall/broker"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// usageError is an error in the command line.
type usageError struct {
	error
	hint string // what to do next
}

// Unwrap returns the cause.
func (u *usageError) Unwrap() error { return u.error }

// usage returns a usageError with a hint.
func usage(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// errorFormat is the format of errors.
type errorFormat struct{ json, verbose bool }

// report prints the error of a command, as text or as one JSON object, and returns the
// exit code.
func report(s streams, m errorFormat, err error) int {
	switch {
	case err == nil:
		return exitAnswered
	case m.json:
		printJSON(s.err, err)
	default:
		printText(s.err, m.verbose, err)
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var (
		call *rpcerr.CallError
		lost *outputError
	)
	switch {
	case errors.As(err, &lost):
		return exitNoAnswer
	case fromService(err) != nil:
		return exitService
	case !errors.As(err, &call), errors.Is(err, rpcerr.ErrInvalidArgument), errors.Is(err, rpcerr.ErrUnsupportedContentType),
		errors.Is(err, transport.ErrInvalid), errors.Is(err, broker.ErrInvalid):
		return exitUsage
	default:
		return exitNoAnswer
	}
}

// fromService returns the error with which the service answered, nil if err is not such
// an error.
func fromService(err error) *rpcerr.Error {
	var e *rpcerr.Error
	if errors.As(err, &e) && e.FromServer() {
		return e
	}
	return nil
}

// failureJSON is an error under --json.
type failureJSON struct {
	ID       string           `json:"id"`
	Code     int32            `json:"code"`
	Detail   string           `json:"detail"`
	Status   string           `json:"status"`
	Attempts []rpcerr.Attempt `json:"attempts"`
}

func printJSON(w io.Writer, err error) {
	wire := rpcerr.New("mailcall", 500, err.Error())
	f := failureJSON{Attempts: []rpcerr.Attempt{}}
	if call, ok := errors.AsType[*rpcerr.CallError](err); ok {
		wire = call.Wire()
		f.Attempts = append(f.Attempts, call.Attempts...)
	}
	if codeOf(err) == exitUsage {
		wire = rpcerr.New("mailcall", 400, wire.Detail)
	}
	f.ID, f.Code, f.Detail, f.Status = wire.ID, wire.Code, wire.Detail, wire.Status
	line, err := json.Marshal(f)
	if err == nil { // strings and numbers can always be encoded
		sayf(w, "%s\n", line)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func printText(w io.Writer, verbose bool, err error) {
	hint := hintFor(err)
	if verbose {
		printAttempts(w, err)
		hint, _, _ = strings.Cut(hint, verboseShows) // it has just been printed
		hint = strings.TrimSuffix(hint, "; ")
	}
	text := once(strings.TrimPrefix(err.Error(), "mailcall: "), lastAttempt(err).Node)
	var e *rpcerr.Error
	switch {
	case fromService(err) != nil:
		text = answered(err, fromService(err))
	case errors.As(err, &e):
		text = strings.Replace(text, e.Error(), e.Detail, 1) // its JSON form is not for people
	}
	sayf(w, "mailcall: %s\n", text)
	if hint != "" {
		sayf(w, "hint: %s\n", hint)
	}
}

// once removes the repeated "dial ADDRESS", which both the transport and package net
// add.
func once(text, node string) string {
	return strings.Replace(text, "dial "+node+": dial ", "dial ", 1)
}

// answered formats an error with which the service answered.
func answered(err error, e *rpcerr.Error) string {
	who := "the service"
	if call, is := errors.AsType[*rpcerr.CallError](err); is {
		who = fmt.Sprintf("%s %s: %s", call.Service, call.Endpoint, cmp.Or(lastAttempt(err).Node, who))
	}
	return who + " answered with an error: " + describe(e)
}

func describe(e *rpcerr.Error) string {
	if e.ID == "" && e.Code == 0 {
		return e.Detail
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s)", e.Detail, strings.TrimSpace(fmt.Sprintf("%s, %d %s", e.ID, e.Code, e.Status))))
}

// sayf prints to w what is printable. An error is ignored, because it could not be
// reported anyway.
func sayf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, printable(fmt.Sprintf(format, args...)))
}

// printable escapes control characters, as JSON does: an error may contain text of the
// peer, which must not control the terminal. Line breaks and tabs remain.
func printable(text string) string {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if !strings.ContainsFunc(text, control) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if control(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printAttempts prints the attempts of a failed call, for -v.
func printAttempts(w io.Writer, err error) {
	call, is := errors.AsType[*rpcerr.CallError](err)
	if !is {
		return
	}
	for i, a := range call.Attempts {
		sayf(w, "attempt %d: %s: %s after %s, %s: %s\n",
			i+1, cmp.Or(a.Node, "no node"), a.Phase, a.Duration.Round(time.Microsecond), a.Proof, once(textOf(a.Err), a.Node))
		if a.Decision != "" {
			sayf(w, "  %s\n", a.Decision)
		}
	}
}
