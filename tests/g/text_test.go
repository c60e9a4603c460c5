// SPDX-License-Identifier: Apache-2.0

package g_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
)

// G7: an error says which attempt at which node failed, in which phase, and
// what bound it ran into.
func TestG7ErrorsName(t *testing.T) {
	server := mailcalltest.Start(t)
	server.Pause()
	defer server.Resume()
	client := start(t, api.WithAddress(server.Address()), api.WithBackoffBounds(0, 0))
	for _, tc := range []struct {
		name  string
		opts  []api.CallOption
		words []string
	}{
		{"attempt timeout", []api.CallOption{api.WithAttemptTimeout(50 * time.Millisecond)},
			[]string{"1 attempt", "50ms", "AttemptTimeout"}},
		{"several attempts", []api.CallOption{api.WithAttemptTimeout(40 * time.Millisecond), api.WithIdempotent(true), api.WithRetries(1)},
			[]string{"2 attempts", "40ms", "AttemptTimeout"}},
		{"request timeout", []api.CallOption{api.WithRequestTimeout(50 * time.Millisecond)},
			[]string{"1 attempt", "50ms", "RequestTimeout"}},
	} {
		err := call(context.Background(), client, hello, tc.opts...)
		if err == nil {
			t.Errorf("%s: got no error, want one", tc.name)
			continue
		}
		text := err.Error()
		for _, word := range append(tc.words, "greeter", hello, server.Address(), "wait") {
			if !strings.Contains(text, word) {
				t.Errorf("%s: got %q, want it to name %q", tc.name, text, word)
			}
		}
		if strings.Contains(text, "nil") {
			t.Errorf("%s: got %q, want no nil in it", tc.name, text)
		}
	}
}
