// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"slices"
	"time"
)

// Script is a sequence of faults that are applied in this order: Refuse to
// incoming connections, all others to requests. While the next fault is one for
// requests, connections are not affected, and vice versa. After the last fault
// everything is served normally.
type Script []Fault

// Fault is one thing that goes wrong. The functions of this package make them; the
// zero value is no fault.
//
// Reset, Truncate, Garbage, Slow and HTTPStatus work on the bytes of HTTP/1.1. On a
// transport without a socket, such as the memory transport, Reset, Truncate,
// Garbage and HTTPStatus close the connection, and Slow delays the answer by the
// time that sending it would take.
type Fault struct {
	kind  kind
	count int // how many times it is applied
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

// Refuse closes the next n connections before reading from them. The dial itself
// succeeds, because the kernel accepts the connection; for dials that fail see
// [Responder.Kill].
func Refuse(n int) Fault { return Fault{kind: kindRefuse, count: n} }

// Pass serves one request normally.
func Pass() Fault { return Fault{kind: kindPass, count: 1} }

// Delay starts the handler d later.
func Delay(d time.Duration) Fault { return Fault{kind: kindDelay, count: 1, delay: d} }

// Reset serves the request, sends the first n bytes of the answer (0 or more, at
// most all of them) and then resets the connection: the client gets "connection
// reset by peer".
func Reset(n int) Fault { return Fault{kind: kindReset, count: 1, n: n} }

// Truncate is like [Reset], but closes the connection normally.
func Truncate(n int) Fault { return Fault{kind: kindTruncate, count: 1, n: n} }

// Close closes the connection instead of serving the request.
func Close() Fault { return Fault{kind: kindClose, count: 1} }

// Garbage sends data as it is instead of serving the request. The connection stays
// open.
func Garbage(data []byte) Fault {
	return Fault{kind: kindGarbage, count: 1, data: slices.Clone(data)}
}

// Silence neither serves nor answers the request. The connection stays open.
func Silence() Fault { return Fault{kind: kindSilence, count: 1} }

// Slow serves the request and sends the answer in steps of bytesPerStep bytes (at
// least 1), waiting interval after each.
func Slow(bytesPerStep int, interval time.Duration) Fault {
	return Fault{kind: kindSlow, count: 1, n: max(bytesPerStep, 1), delay: interval}
}

// Error answers with an error of that code instead of serving the request:
// {"id":"<name>.fault","code":503,"detail":"injected fault","status":"Service
// Unavailable"}.
func Error(code int32) Fault { return Fault{kind: kindError, count: 1, code: code} }

// HTTPStatus answers with an HTTP status and a short HTML page, as a proxy does,
// instead of serving the request. The connection stays open.
func HTTPStatus(status int) Fault { return Fault{kind: kindStatus, count: 1, n: status} }

// Times returns the fault to be applied n times in a row. If n is below 1 it is
// never applied.
func (f Fault) Times(n int) Fault {
	f.count = n
	return f
}
