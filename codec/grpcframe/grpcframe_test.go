// SPDX-License-Identifier: Apache-2.0

package grpcframe_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/bytes"
	"example.com/mailcall/codec/grpcframe"
	"example.com/mailcall/codec/internal/gojson"
	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/proto"
	"example.com/mailcall/rpcerr"
)

// plain hides Append.
type plain struct{ codec.Codec }

func TestMarshal(t *testing.T) {
	ann := &greet.HelloRequest{Name: "Ann", Count: 3}
	for _, tc := range []struct {
		name  string
		inner codec.Codec
		v     any
		want  string
	}{
		{"proto", proto.New(), ann, "00000000070a03416e6e1003"},
		{"without Append", plain{proto.New()}, ann, "00000000070a03416e6e1003"},
		{"failing", proto.New(), &greet.HelloRequest{Code: 404, Detail: "no such thing"}, "00000000122094032a0d6e6f2073756368207468696e67"},
		{"zero", proto.New(), &greet.HelloRequest{}, ""},
		{"json", gojson.Codec{}, ann, "00000000187b226e616d65223a22416e6e222c22636f756e74223a337d"},
	} {
		got, err := grpcframe.New(tc.inner).Append([]byte{0xee}, tc.v)
		if err != nil || hex.EncodeToString(got) != "ee"+tc.want {
			t.Errorf("%s: got %x, %v, want %s", tc.name, got, err, tc.want)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	for name, c := range map[string]codec.Codec{"proto": proto.New(), "json": gojson.Codec{}} {
		framed := grpcframe.New(c)
		data, err := framed.Marshal(&greet.HelloReply{Greeting: "Hello Ann"})
		if err != nil {
			t.Fatal(err)
		}
		var m greet.HelloReply
		if err := framed.Unmarshal(data, &m); err != nil || m.Greeting != "Hello Ann" {
			t.Errorf("%s: got %v, %v, want Hello Ann", name, &m, err)
		}
		for _, empty := range []string{"", "\x00\x00\x00\x00\x00"} {
			m := greet.HelloReply{Greeting: "old"}
			if err := framed.Unmarshal([]byte(empty), &m); err != nil || m.Greeting != "" {
				t.Errorf("%s: %q: got %v, %v, want the zero message", name, empty, &m, err)
			}
		}
		n := 7
		if err := grpcframe.New(gojson.Codec{}).Unmarshal(nil, &n); err != nil || n != 0 {
			t.Errorf("got %d, %v, want 0", n, err)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"short prefix": {"\x00\x00\x00\x00", "body of 4 bytes is shorter than the prefix of 5"},
		"compressed":   {"\x01\x00\x00\x00\x00", "the message is compressed"},
		"flag":         {"\x02\x00\x00\x00\x00", "flag is 2, want 0"},
		"trailer":      {"\x80\x00\x00\x00\x00", "flag is 128, want 0"},
		"too short":    {"\x00\x00\x00\x00\x02a", "prefix announces 2 bytes, the body has 1"},
		"too long":     {"\x00\x00\x00\x00\x01ab", "prefix announces 1 bytes, the body has 2"},
		"two frames":   {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "prefix announces 0 bytes, the body has 5"},
		"html":         {"<html>", "flag is 60, want 0"},
	} {
		err := grpcframe.New(proto.New()).Unmarshal([]byte(tc.in), &greet.HelloReply{})
		if err == nil || !strings.HasPrefix(err.Error(), "grpcframe codec: "+tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func TestLimit(t *testing.T) {
	c := grpcframe.New(bytes.New())
	most := make([]byte, grpcframe.MaxMessage)
	data, err := c.Marshal(most)
	if err != nil || len(data) != grpcframe.MaxMessage+5 {
		t.Fatalf("got %d bytes, %v, want the message and 5", len(data), err)
	}
	var got []byte
	if err := c.Unmarshal(data, &got); err != nil || len(got) != grpcframe.MaxMessage {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, grpcframe.MaxMessage)
	}
	out, err := c.Append([]byte("before"), append(most, 0))
	if !errors.Is(err, rpcerr.ErrMessageTooLarge) || string(out) != "before" {
		t.Errorf("got %d bytes, %v, want none added and ErrMessageTooLarge", len(out), err)
	}
	for _, prefix := range []string{"\x00\x00\x40\x00\x01", "\x00\xff\xff\xff\xff"} {
		if err := c.Unmarshal([]byte(prefix), &got); !errors.Is(err, rpcerr.ErrMessageTooLarge) {
			t.Errorf("%x: got %v, want ErrMessageTooLarge", prefix, err)
		}
	}
}

func TestZeroCodecRefuses(t *testing.T) {
	var c grpcframe.Codec
	if _, err := c.Marshal(&greet.HelloReply{}); err == nil {
		t.Error("got no error from Marshal, want one")
	}
	if err := c.Unmarshal(nil, &greet.HelloReply{}); err == nil {
		t.Error("got no error from Unmarshal, want one")
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	var c codec.Appender = grpcframe.New(proto.New())
	m := &greet.HelloRequest{Name: "Ann", Count: 3}
	dst := make([]byte, 0, 100)
	var failed error
	got := testing.AllocsPerRun(100, func() {
		if _, err := c.Append(dst, m); err != nil {
			failed = err
		}
	})
	if failed != nil || got != 0 {
		t.Errorf("got %v allocations, %v, want 0", got, failed)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x07\n\x03Ann\x10\x03"))
	f.Add([]byte(""))
	f.Add([]byte("\x00\xff\xff\xff\xffA"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := grpcframe.New(bytes.New())
		var got []byte
		if c.Unmarshal(data, &got) != nil {
			return
		}
		again, err := c.Marshal(got)
		if err != nil || len(got) > 0 && string(again) != string(data) {
			t.Errorf("got %x, %v, want %x", again, err, data)
		}
		var m greet.HelloReply
		_ = grpcframe.New(gojson.Codec{}).Unmarshal(data, &m)
	})
}
