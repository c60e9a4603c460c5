// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/codec"
	"example.com/mailcall/codec/json"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
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

// longCodec takes its time to encode a value.
type longCodec struct {
	codec.Codec

	time time.Duration
}

func (c longCodec) Marshal(v any) ([]byte, error) {
	<-time.After(c.time)
	return c.Codec.Marshal(v)
}

// TestEncodingIsNotTheNodesTime: how long a codec takes counts for the call, not
// for the attempt.
func TestEncodingIsNotTheNodesTime(t *testing.T) {
	s := mailcalltest.Start(t)
	const bound = 500 * time.Millisecond
	long := longCodec{json.New(), 2 * bound}
	c := start(t, api.WithAddress(s.Address()), api.WithCodec("application/json", long),
		api.WithAttemptTimeout(bound), api.WithRetries(0))
	if err := greetAnn(within(t), c); err != nil { // the node is known now
		t.Fatal(err)
	}
	request := c.NewRequest("greeter", "Greeter.Sleep", &greet.HelloRequest{SleepMs: 50}, api.WithContentType("application/json"))
	if err := c.Call(within(t), request, new(greet.HelloReply)); err != nil {
		t.Errorf("got %v, want the attempt to have all its time", err)
	}
}
