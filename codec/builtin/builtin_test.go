// SPDX-License-Identifier: Apache-2.0

package builtin_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/builtin"
	"example.com/mailcall/codec/internal/greet"
)

func TestCodecsNames(t *testing.T) {
	want := []string{
		"application/grpc", "application/grpc+json", "application/grpc+proto",
		"application/json", "application/json-rpc", "application/octet-stream",
		"application/proto-rpc", "application/protobuf", "text/plain",
	}
	var got []string
	for name := range builtin.Codecs() {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCodecsIsAFreshMap(t *testing.T) {
	delete(builtin.Codecs(), "text/plain")
	if builtin.Codecs()["text/plain"] == nil {
		t.Error("got no text/plain after another map was changed, want it")
	}
}

func each(t *testing.T, f func(t *testing.T, c codec.Appender)) {
	t.Helper()
	for name, c := range builtin.Codecs() {
		t.Run(name, func(t *testing.T) {
			a, ok := c.(codec.Appender)
			if !ok {
				t.Fatalf("got %T without Append, want a codec.Appender", c)
			}
			f(t, a)
		})
	}
}

// Bytes that no codec here would take or make.
const raw = "\x01 as it is {\xff"

func TestFramesBypassEveryCodec(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		for _, v := range []any{codec.Frame{Data: []byte(raw)}, &codec.Frame{Data: []byte(raw)}} {
			got, err := c.Marshal(v)
			if err != nil || string(got) != raw {
				t.Errorf("Marshal(%T): got %q, %v, want %q", v, got, err, raw)
			}
			got, err = c.Append([]byte("before "), v)
			if err != nil || string(got) != "before "+raw {
				t.Errorf("Append(%T): got %q, %v, want %q after what was there", v, got, err, raw)
			}
		}
		data := []byte(raw)
		var f codec.Frame
		err := c.Unmarshal(data, &f)
		clear(data)
		if err != nil || string(f.Data) != raw {
			t.Errorf("Unmarshal: got %q, %v, want a copy of %q", f.Data, err, raw)
		}
	})
}

func TestMarshalOfFrameIsACopy(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		f := codec.Frame{Data: []byte(raw)}
		got, err := c.Marshal(f)
		clear(f.Data)
		if err != nil || string(got) != raw {
			t.Errorf("got %q, %v, want %q", got, err, raw)
		}
	})
}

func TestNilIsATypeError(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		nils := []any{
			nil, (*greet.HelloRequest)(nil), (*codec.Frame)(nil), (*int)(nil),
			(*string)(nil), (*[]byte)(nil),
		}
		for _, v := range nils {
			var want *codec.TypeError
			if _, err := c.Marshal(v); !errors.As(err, &want) {
				t.Errorf("Marshal(%T): got %v, want a TypeError", v, err)
			}
			if err := c.Unmarshal(nil, v); !errors.As(err, &want) {
				t.Errorf("Unmarshal(%T): got %v, want a TypeError", v, err)
			}
			if e, ok := c.(codec.Enveloper); ok {
				if _, err := e.AppendRequest(nil, codec.Envelope{}, v); !errors.As(err, &want) {
					t.Errorf("AppendRequest(%T): got %v, want a TypeError", v, err)
				}
				if _, err := e.AppendReply(nil, codec.Envelope{}, v); !errors.As(err, &want) {
					t.Errorf("AppendReply(%T): got %v, want a TypeError", v, err)
				}
			}
		}
	})
}

func TestUnmarshalNeedsAPointer(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		for _, v := range []any{7, "text", struct{}{}, codec.Frame{}, []byte("ab")} {
			var want *codec.TypeError
			if err := c.Unmarshal(nil, v); !errors.As(err, &want) {
				t.Errorf("%T: got %v, want a TypeError", v, err)
			}
		}
	})
}

func TestAppendErrorLeavesDst(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		dst := append(make([]byte, 0, 100), "before"...)
		got, err := c.Append(dst, make(chan int))
		if err == nil || !bytes.Equal(got, []byte("before")) {
			t.Errorf("got %q, %v, want %q and an error", got, err, "before")
		}
		e, ok := c.(codec.Enveloper)
		if !ok {
			return
		}
		if got, err = e.AppendRequest(dst, codec.Envelope{ID: "1"}, make(chan int)); err == nil || string(got) != "before" {
			t.Errorf("AppendRequest: got %q, %v, want %q and an error", got, err, "before")
		}
		if got, err = e.AppendReply(dst, codec.Envelope{ID: "1"}, make(chan int)); err == nil || string(got) != "before" {
			t.Errorf("AppendReply: got %q, %v, want %q and an error", got, err, "before")
		}
	})
}

func TestFramesBringTheirEnvelope(t *testing.T) {
	each(t, func(t *testing.T, c codec.Appender) {
		e, ok := c.(codec.Enveloper)
		if !ok {
			return
		}
		f := codec.Frame{Data: []byte(raw)}
		if got, err := e.AppendRequest(nil, codec.Envelope{ID: "1", Method: "A.B"}, f); err != nil || string(got) != raw {
			t.Errorf("AppendRequest: got %q, %v, want %q", got, err, raw)
		}
		if got, err := e.AppendReply(nil, codec.Envelope{ID: "1"}, &f); err != nil || string(got) != raw {
			t.Errorf("AppendReply: got %q, %v, want %q", got, err, raw)
		}
		if got, err := e.AppendReply(nil, codec.Envelope{ID: "1", Error: "bad"}, f); err != nil || string(got) == raw {
			t.Errorf("AppendReply with an error: got %q, %v, want the error's envelope", got, err)
		}
	})
}

func TestUnmarshalResets(t *testing.T) {
	for _, name := range []string{
		"application/protobuf", "application/json", "application/json-rpc", "application/proto-rpc",
		"application/grpc", "application/grpc+json",
	} {
		c := builtin.Codecs()[name]
		data, err := c.Marshal(&greet.HelloRequest{Name: "Ann"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		target := &greet.HelloRequest{Name: "Bob", Count: 7, Detail: "old"}
		if err := c.Unmarshal(data, target); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if target.Name != "Ann" || target.Count != 0 || target.Detail != "" {
			t.Errorf("%s: got %v, want only the name Ann", name, target)
		}
	}
}
