// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"testing"

	"example.com/mailcall/transport/http"
)

// Start starts a greeter with the name "greeter" over HTTP, on a port of the
// loopback, and closes it when the test ends. [WithHandlers] adds endpoints.
func Start(tb testing.TB, opts ...Option) *Responder {
	tb.Helper()
	over, err := http.New()
	if err != nil {
		tb.Fatal(err)
	}
	return StartOn(tb, over, "127.0.0.1:0", opts...)
}

// StartOn is [Start] with a given transport and address. If the transport's
// connections carry many exchanges at once, each is served independently. Then the
// faults that work on the bytes of HTTP/1.1 put those bytes between frames, and
// Reset and Truncate end the connection instead of the answer.
func StartOn(tb testing.TB, on Listening, address string, opts ...Option) *Responder {
	tb.Helper()
	r := NewGreeter("greeter", opts...)
	if err := r.Listen(on, address); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Errorf("cannot close the responder: %v", err)
		}
	})
	return r
}
