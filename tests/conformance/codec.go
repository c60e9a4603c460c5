// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"reflect"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"example.com/mailcall/codec"
)

// Codec tests the contract of package codec with values that c accepts: pointers to
// structs, messages, frames, as a caller would pass them. The clauses of
// [codec.Appender] and [codec.Enveloper] are tested if c implements them. No value may
// be a channel: the suite uses one as a value that no codec accepts.
func Codec(t *testing.T, c codec.Codec, values ...any) {
	t.Helper()
	if len(values) == 0 {
		t.Fatal("got no value, want some that the codec takes")
	}
	for _, clause := range []struct {
		name string
		test func(t *testing.T, c codec.Codec, v any)
	}{
		{"values round trip", testRoundTrip},
		{"Unmarshal keeps nothing of its data", testUnmarshalKeepsNothing},
		{"Append agrees with Marshal", testAppend},
		{"requests in envelopes round trip", testRequestEnvelope},
		{"replies in envelopes round trip", testReplyEnvelope},
		{"used by many goroutines", testCodecConcurrency},
	} {
		t.Run(clause.name, func(t *testing.T) {
			for _, v := range values {
				clause.test(t, c, v)
			}
		})
	}
	t.Run("foreign values are an error", func(t *testing.T) { testForeign(t, c) })
	t.Run("garbage does not panic", func(t *testing.T) { testGarbage(t, c, values[0]) })
}

// fresh returns a new value of the type that v points to.
func fresh(t *testing.T, v any) any {
	t.Helper()
	r := reflect.TypeOf(v)
	if r == nil || r.Kind() != reflect.Pointer {
		t.Fatalf("got a value of type %T, want a pointer", v)
	}
	return reflect.New(r.Elem()).Interface()
}

func same(a, b any) bool {
	if m, ok := a.(proto.Message); ok {
		n, ok := b.(proto.Message)
		return ok && proto.Equal(m, n)
	}
	return reflect.DeepEqual(a, b)
}

func testRoundTrip(t *testing.T, c codec.Codec, v any) {
	data, err := c.Marshal(v)
	if err != nil {
		t.Fatalf("Marshal of %T: %v", v, err)
	}
	got := fresh(t, v)
	if err := c.Unmarshal(data, got); err != nil {
		t.Fatalf("Unmarshal of %q: %v", data, err)
	}
	if !same(got, v) {
		t.Errorf("got %v, want %v", got, v)
	}
}

func testUnmarshalKeepsNothing(t *testing.T, c codec.Codec, v any) {
	data, err := c.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got := fresh(t, v)
	if err := c.Unmarshal(data, got); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	if !same(got, v) {
		t.Errorf("got %v after the data was overwritten, want %v", got, v)
	}
}

func testAppend(t *testing.T, c codec.Codec, v any) {
	a, ok := c.(codec.Appender)
	if !ok {
		t.Skip("the codec is not a codec.Appender")
	}
	want, err := c.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	const before = "what was there: "
	got, err := a.Append([]byte(before), v)
	if err != nil || string(got) != before+string(want) {
		t.Errorf("got %q and %v, want %q behind %q", got, err, want, before)
	}
	if got, err := a.Append([]byte(before), make(chan int)); err == nil || string(got) != before {
		t.Errorf("got %q and %v for a channel, want %q and an error", got, err, before)
	}
}

func testRequestEnvelope(t *testing.T, c codec.Codec, v any) {
	e, ok := c.(codec.Enveloper)
	if !ok {
		t.Skip("the codec is not a codec.Enveloper")
	}
	want := codec.Envelope{ID: "42", Method: "Greeter.Hello"}
	data, err := e.AppendRequest(nil, want, v)
	if err != nil {
		t.Fatal(err)
	}
	got, payload, err := e.ReadRequest(data)
	if err != nil || got != want {
		t.Fatalf("got %+v and %v, want %+v", got, err, want)
	}
	if value := fresh(t, v); c.Unmarshal(payload, value) != nil || !same(value, v) {
		t.Errorf("got %v, want %v", value, v)
	}
}

func testReplyEnvelope(t *testing.T, c codec.Codec, v any) {
	e, ok := c.(codec.Enveloper)
	if !ok {
		t.Skip("the codec is not a codec.Enveloper")
	}
	data, err := e.AppendReply(nil, codec.Envelope{ID: "42"}, v)
	if err != nil {
		t.Fatal(err)
	}
	got, payload, err := e.ReadReply(data)
	if err != nil || got.Error != "" || got.ID != "42" {
		t.Fatalf("got %+v and %v, want id 42 and no error", got, err)
	}
	if value := fresh(t, v); c.Unmarshal(payload, value) != nil || !same(value, v) {
		t.Errorf("got %v, want %v", value, v)
	}
	const text = `{"id":"greeter.fail","code":404}`
	if data, err = e.AppendReply(nil, codec.Envelope{ID: "42", Error: text}, nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err = e.ReadReply(data); err != nil || got.Error != text {
		t.Errorf("got %+v and %v, want the error %q", got, err, text)
	}
}

func testCodecConcurrency(t *testing.T, c codec.Codec, v any) {
	want, err := c.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 8 {
		got := fresh(t, v)
		work.Go(func() {
			for range 50 {
				data, err := c.Marshal(v)
				if err == nil {
					err = c.Unmarshal(data, got)
				}
				if err != nil || len(data) != len(want) {
					t.Errorf("got %q and %v, want %q", data, err, want)
					return
				}
			}
			if !same(got, v) {
				t.Errorf("got %v, want %v", got, v)
			}
		})
	}
	work.Wait()
}

func testForeign(t *testing.T, c codec.Codec) {
	if data, err := c.Marshal(make(chan int)); err == nil {
		t.Errorf("got %q for a channel, want an error", data)
	}
	if data, err := c.Marshal(nil); err == nil {
		t.Errorf("got %q for nil, want an error", data)
	}
}

func testGarbage(t *testing.T, c codec.Codec, v any) {
	for _, data := range [][]byte{nil, {}, {0}, []byte("{"), []byte(`"`), bytes.Repeat([]byte{0xff}, 64), make([]byte, 64)} {
		_ = c.Unmarshal(data, fresh(t, v)) // any result is fine; it only has to return
		if e, ok := c.(codec.Enveloper); ok {
			_, _, _ = e.ReadRequest(data) // as above
			_, _, _ = e.ReadReply(data)   // as above
		}
	}
}
