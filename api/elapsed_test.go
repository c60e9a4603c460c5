// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/rpcerr"
)

// lateCodec encodes when its wait is over, and notes how long that was.
type lateCodec struct {
	wait   <-chan struct{}
	waited *time.Duration
	err    error
}

func (c lateCodec) Marshal(any) ([]byte, error) {
	began := time.Now()
	<-c.wait
	*c.waited = time.Since(began)
	return []byte("{}"), c.err
}

func (lateCodec) Unmarshal([]byte, any) error { return nil }

// The time of a call begins before its request is encoded, and it is that of
// this call alone.
func TestElapsedIncludesTheEncoding(t *testing.T) {
	s := mailcalltest.Start(t)
	for name, failure := range map[string]error{"late": nil, "failed": errors.New("no")} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), shortly)
			defer cancel()
			var waited time.Duration
			c := start(t, api.WithAddress(s.Address()), api.WithCodec("application/x-late", lateCodec{ctx.Done(), &waited, failure}))
			before := time.Now()
			err := c.Call(ctx, c.NewRequest("greeter", hello, "x", api.WithContentType("application/x-late")), new(string))
			most := time.Since(before)
			e, is := errors.AsType[*rpcerr.CallError](err)
			if !is || e.Elapsed < waited || e.Elapsed > most {
				t.Errorf("got %v after %s, want an error of a call that took %s to %s", err, e.Elapsed, waited, most)
			}
			if failure == nil && !strings.Contains(err.Error(), "while the request was encoded") {
				t.Errorf("got %v, want it to say what took so long", err)
			}
		})
	}
}
