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

// maxStatusBody bounds the part of a body that a [StatusError] keeps, in
// bytes: enough for the first screen of a proxy's error page.
const maxStatusBody = 4 << 10

// StatusError is what Recv returns for a response whose status is not 200:
// something else than go-micro answered. The message was received in full all
// the same, and the connection may be used again if Ready says so. Send returns
// it when the server has refused the request and hung up before it was written.
type StatusError struct {
	// Code is the three-digit status code.
	Code int
	// Status is the code with its reason phrase, "503 Service Unavailable".
	Status string
	// Body is the beginning of the body, at most 4 KiB.
	Body string
	// Location is where a redirect points to, which is not followed; "" for
	// other statuses.
	Location string
	// RetryAfter is what the field of that name says, an hour at most; 0 if
	// there is none.
	RetryAfter time.Duration
}

// Pushback implements [transport.Pushback].
func (e *StatusError) Pushback() time.Duration { return e.RetryAfter }

// maxRetryAfter is the longest time that is believed.
const maxRetryAfter = time.Hour

// retryAfter reads the field: seconds, or a date, which is taken to be one of
// the clock that has set the answer's own (RFC 9110, section 10.2.3).
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

// statusError makes the error of a response that in has just read.
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

// Error returns the status and the body in go-micro's form, "status: body", on
// one line: line breaks and control characters of the body are blanks in it. A
// redirect says where to.
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

// oneLine makes text from elsewhere fit for an error.
func oneLine(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return strings.ToValidUTF8(strings.Join(words, " "), "\uFFFD")
}

// deadlineError matches os.ErrDeadlineExceeded, and context.DeadlineExceeded
// as well because the bound mostly comes from a context whose own timer fires
// a moment later.
type deadlineError struct{ passed time.Duration }

func (e *deadlineError) Error() string {
	return "the bound of the exchange passed " + strconv.FormatInt(e.passed.Microseconds(), 10) + " us ago"
}

func (*deadlineError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// Timeout makes the error a timeout for callers that look through net.Error.
func (*deadlineError) Timeout() bool { return true }

// Temporary is the other half of net.Error. TLS keeps its read state over a
// temporary error; nothing reads on after this one.
func (*deadlineError) Temporary() bool { return true }

// nothingError is the error of a read that did not wait. Like a deadline it is
// temporary, and TLS keeps its read state over it.
type nothingError struct{}

func (nothingError) Error() string { return "nothing has come yet" }

// Timeout implements net.Error.
func (nothingError) Timeout() bool { return true }

// Temporary implements net.Error.
func (nothingError) Temporary() bool { return true }
