// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
)

// aliasCodec is a user's codec that hands its value over as it is, without a
// copy. Values are *[]byte.
type aliasCodec struct{}

func (aliasCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (aliasCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// TestACodecMayReturnTheCallersMemory: what Marshal returned may be memory of
// the caller, and no later call may write into it.
func TestACodecMayReturnTheCallersMemory(t *testing.T) {
	s := mailcalltest.Start(t)
	c := start(t, api.WithAddress(s.Address()), api.WithCodec("application/x-alias", aliasCodec{}))
	for i := range 50 {
		text := fmt.Sprintf("a value that belongs to its caller, number %d", i)
		own, reply := []byte(text), []byte(nil)
		// The server knows no such content type; what matters is that it was sent.
		_ = c.Call(within(t), c.NewRequest("greeter", "Greeter.Echo", &own, api.WithContentType("application/x-alias")), &reply)
		if err := greetAnn(within(t), c); err != nil {
			t.Fatal(err)
		}
		if string(own) != text {
			t.Fatalf("got %q in the caller's memory after another call, want %q", own, text)
		}
	}
}
