// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"slices"
	"time"
)

// Script is a run of faults, met in this order: Refuse by the connections
// that come, everything else by the requests. A connection passes untouched
// while a request's fault is next, and the other way round. After the last
// fault all is well.
type Script []Fault

// Fault is one thing that goes wrong. It is made by the functions of this
// package; the zero value is no fault.
//
// Reset, Truncate, Garbage, Slow and HTTPStatus deal in bytes of HTTP/1.1. On
// a transport without a socket of its own, such as the memory transport,
// Reset, Truncate, Garbage and HTTPStatus close the connection, and Slow sends
// the answer after the time it would take.
type Fault struct {
	kind  kind
	count int // how often it is met
	delay time.Duration
	n     int // bytes, or a status
	data  []byte
	code  int32
}

type kind uint8

const (
	kindNone kind = iota
	kindRefuse
	kindPass
	kindDelay
	kindReset
	kindClose
	kindTruncate
	kindGarbage
	kindSilence
	kindSlow
	kindError
	kindStatus
)

// Refuse closes the next n connections before a byte is read from them. The
// dial itself succeeds, because the kernel accepts before the responder does;
// for one that fails see [Responder.Kill].
func Refuse(n int) Fault { return Fault{kind: kindRefuse, count: n} }

// Pass lets one request through untouched.
func Pass() Fault { return Fault{kind: kindPass, count: 1} }

// Delay has the handler begin d later.
func Delay(d time.Duration) Fault { return Fault{kind: kindDelay, count: 1, delay: d} }

// Reset serves the request, sends the first n bytes of the answer (0 or more,
// all of them at most) and then resets the connection: the client sees
// "connection reset by peer".
func Reset(n int) Fault { return Fault{kind: kindReset, count: 1, n: n} }

// Truncate is [Reset] with an orderly end of the connection.
func Truncate(n int) Fault { return Fault{kind: kindTruncate, count: 1, n: n} }

// Close closes the connection in place of serving the request.
func Close() Fault { return Fault{kind: kindClose, count: 1} }

// Garbage sends data as it is, in place of serving the request. The
// connection stays open.
func Garbage(data []byte) Fault {
	return Fault{kind: kindGarbage, count: 1, data: slices.Clone(data)}
}

// Silence neither serves nor answers the request. The connection stays open.
func Silence() Fault { return Fault{kind: kindSilence, count: 1} }

// Slow serves the request and sends the answer in steps of bytesPerStep bytes
// (1 at least), waiting interval after each.
func Slow(bytesPerStep int, interval time.Duration) Fault {
	return Fault{kind: kindSlow, count: 1, n: max(bytesPerStep, 1), delay: interval}
}

// Error answers with an error of that code in place of serving the request:
// {"id":"<name>.fault","code":503,"detail":"injected fault","status":"Service
// Unavailable"}.
func Error(code int32) Fault { return Fault{kind: kindError, count: 1, code: code} }

// HTTPStatus answers with a bare HTTP status and a short HTML page, as a
// proxy in between does. The connection stays open.
func HTTPStatus(status int) Fault { return Fault{kind: kindStatus, count: 1, n: status} }

// Times returns the fault met n times in a row. With n below 1 it is never
// met.
func (f Fault) Times(n int) Fault {
	f.count = n
	return f
}
