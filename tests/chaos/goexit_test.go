// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/tests/internal/kit"
)

// Code of the user may end the goroutine that runs it, as FailNow of a test does.
// If that is the caller's, nobody hears of the call any more; if it is one of the
// runtime's, the call fails. In either case nothing is lent for ever.
func TestGoroutinesThatEndAreContained(t *testing.T) {
	for _, tc := range panicRows() {
		if strings.HasPrefix(tc.name, "transport multiplexed") {
			continue // that runs on an actor's goroutine
		}
		t.Run(tc.name, func(t *testing.T) {
			b := &bomb{leave: true}
			server := mailcalltest.Start(t)
			c := kit.Start(t, append(tc.build(t, b, server.Address()), api.WithRetries(0))...)
			b.armed.Store(true)
			told := make(chan error, 1)
			go func() {
				defer close(told)
				told <- kit.Call(kit.Within(t), c, tc.opts...)
			}()
			if err, is := <-told; is && !errors.Is(err, rpcerr.ErrPanic) {
				t.Errorf("got %v, want %v", err, rpcerr.ErrPanic)
			}
			goesOn(t, c, b)
		})
	}
}
