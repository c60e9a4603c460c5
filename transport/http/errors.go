// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/http/internal/wire"
)

// maxStatusBody is how much of a body a [StatusError] contains at most, in bytes:
// enough for the first screen of a proxy's error page.
const maxStatusBody = 4 << 10

// StatusError is returned by Recv for a response whose status is not 200, which is
// not from a go-micro server. The response was received completely: it matches
// [transport.ErrComplete]. Send returns it if the server has refused the request, and
// closed the connection, before the request was written.
type StatusError struct {
	// Code is the three-digit status code.
	Code int
	// Status is the code with its reason phrase, "503 Service Unavailable".
	Status string
	// Body is the beginning of the body, at most 4 KiB.
	Body string
	// Location is the target of a redirect, which is not followed; "" for other
	// statuses.
	Location string
	// RetryAfter is the time in the Retry-After field, an hour at most; 0 if there
	// is none.
	RetryAfter time.Duration
}

// Is reports whether target is [transport.ErrComplete].
func (*StatusError) Is(target error) bool { return target == transport.ErrComplete }

// Pushback implements [transport.Pushback].
func (e *StatusError) Pushback() time.Duration { return e.RetryAfter }

// maxRetryAfter is the longest Retry-After; a longer one is shortened to it.
const maxRetryAfter = time.Hour

// retryAfter parses the Retry-After field (RFC 9110, section 10.2.3): seconds, or a
// date, which is compared with the server's clock in the Date field.
func retryAfter(h transport.Header) time.Duration {
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	then, err := time.Parse(date, text)
	if err != nil {
		return 0
	}
	now, err := time.Parse(date, h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(then.Sub(now), 0), maxRetryAfter)
}

// statusError returns the error for a response that was just read from in.
func statusError(head *wire.Head, in *wire.Reader, body []byte) *StatusError {
	e := &StatusError{
		Code: head.Status, Status: in.Status(), Body: string(body[:min(len(body), maxStatusBody)]),
		RetryAfter: retryAfter(in.Header()),
	}
	if e.Code/100 == 3 {
		e.Location = in.Header().Get("Location")
	}
	return e
}

// Error returns the status and the body in go-micro's form, "status: body", on one
// line: line breaks and control characters of the body are replaced by blanks. For a
// redirect it contains the location.
func (e *StatusError) Error() string {
	text := e.Status
	if to := oneLine(e.Location); to != "" {
		text += " to " + to
	}
	if body := oneLine(e.Body); body != "" {
		text += ": " + body
	}
	return text
}

// oneLine makes text from the peer fit for an error: one line of valid UTF-8.
func oneLine(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return strings.ToValidUTF8(strings.Join(words, " "), "\uFFFD")
}

// deadlineError is the error of a deadline that has passed. It matches
// os.ErrDeadlineExceeded, and also context.DeadlineExceeded, because the deadline
// mostly is that of a context whose own timer fires a moment later.
type deadlineError struct{ passed time.Duration }

func (e *deadlineError) Error() string {
	return "the deadline of the exchange passed " + strconv.FormatInt(e.passed.Microseconds(), 10) + " us ago"
}

func (*deadlineError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// Timeout implements net.Error.
func (*deadlineError) Timeout() bool { return true }

// Temporary implements net.Error. A temporary error does not end the reading of a
// TLS connection; but after this one it is not read any more.
func (*deadlineError) Temporary() bool { return true }

// nothingError is the error of a non-blocking read that finds nothing. It is
// temporary, so that a TLS connection can be read again after it.
type nothingError struct{}

func (nothingError) Error() string { return "nothing to read" }

// Timeout implements net.Error.
func (nothingError) Timeout() bool { return true }

// Temporary implements net.Error.
func (nothingError) Temporary() bool { return true }
