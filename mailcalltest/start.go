// SPDX-License-Identifier: Apache-2.0

package mailcalltest

import (
	"testing"

	"example.com/mailcall/transport/http"
)

// Start starts a greeter called "greeter" on a loopback port over HTTP and
// closes it when the test ends. Further endpoints come with [WithHandlers].
func Start(tb testing.TB, opts ...Option) *Responder {
	tb.Helper()
	r := NewGreeter("greeter", opts...)
	over, err := http.New()
	if err == nil {
		err = r.Listen(over, "127.0.0.1:0")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Errorf("cannot close the responder: %v", err)
		}
	})
	return r
}
