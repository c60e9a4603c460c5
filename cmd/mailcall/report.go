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

	"example.com/mailcall/broker"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// usageError is a fault of the command line.
type usageError struct {
	error
	hint string // what to do next
}

// Unwrap returns the cause.
func (u *usageError) Unwrap() error { return u.error }

// usage returns a fault of the command line and what to do about it.
func usage(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// manner is how the caller wants errors.
type manner struct{ json, verbose bool }

// report says how a command ended, for people or as one JSON object, and
// returns the exit code.
func report(s streams, m manner, err error) int {
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
		lost *unwrittenError
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

// fromService returns the error that the service answered with, nil if it
// is another one.
func fromService(err error) *rpcerr.Error {
	var e *rpcerr.Error
	if errors.As(err, &e) && e.FromServer() {
		return e
	}
	return nil
}

// failureJSON is the form of errors under --json.
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
	if err == nil { // strings and numbers can always be written
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
		hint, _, _ = strings.Cut(hint, verboseShows) // there it is
		hint = strings.TrimSuffix(hint, "; ")
	}
	text := once(strings.TrimPrefix(err.Error(), "mailcall: "), lastAttempt(err).Node)
	var e *rpcerr.Error
	switch {
	case fromService(err) != nil:
		text = answered(err, fromService(err))
	case errors.As(err, &e):
		text = strings.Replace(text, e.Error(), e.Detail, 1) // its JSON is for machines
	}
	sayf(w, "mailcall: %s\n", text)
	if hint != "" {
		sayf(w, "hint: %s\n", hint)
	}
}

// once says only once what was dialled: the transport and package net both do.
func once(text, node string) string {
	return strings.Replace(text, "dial "+node+": dial ", "dial ", 1)
}

// answered says who answered with which error.
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

// sayf writes to the terminal. If that is gone, there is nobody to tell.
func sayf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// printAttempts lists what a call did that failed, for -v.
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
