// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"bytes"
	"testing"
)

func FuzzReadEvent(f *testing.F) {
	for _, seed := range []string{
		`{"Service":{"name":"greeter","version":"1","nodes":[{"id":"a","address":"a:1"}]},"Action":"create"}`,
		`{"Service":null,"Action":"list"}`, `{"Service":{"name":""},"Action":"get"}`, `{"Action":1}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, action, err := readEvent(data)
		if err != nil {
			return
		}
		if s == nil && action != actionList {
			t.Fatalf("got no service for action %q, want one", action)
		}
		again, err := writeEvent(s, action)
		if err != nil {
			t.Fatalf("got %v for what was read, want it written", err)
		}
		back, action2, err := readEvent(again)
		if err != nil || action2 != action {
			t.Fatalf("got %q, %v, want %q", action2, err, action)
		}
		if third, err := writeEvent(back, action); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("got %s, %v, want %s", third, err, again)
		}
	})
}
