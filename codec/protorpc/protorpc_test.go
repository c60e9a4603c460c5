// SPDX-License-Identifier: Apache-2.0

package protorpc_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/protorpc"
)

const (
	hello    = "0000000f0a0d477265657465722e48656c6c6f000000070a03416e6e1003"
	helloAnn = "000000000000000b0a0948656c6c6f20416e6e"
	notFound = `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`
)

func TestAppendRequest(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    codec.Envelope
		v    any
		want string
	}{
		{"sequence 0", codec.Envelope{ID: "0", Method: "Greeter.Hello"}, &greet.HelloRequest{Name: "Ann", Count: 3}, hello},
		{"no id", codec.Envelope{Method: "Greeter.Hello"}, &greet.HelloRequest{Name: "Ann", Count: 3}, hello},
		{"sequence 258", codec.Envelope{ID: "258", Method: "A.B"}, &greet.HelloRequest{}, "0000000e0a03412e42" + "110201000000000000" + "00000000"},
	} {
		got, err := protorpc.New().AppendRequest([]byte{0xee}, tc.e, tc.v)
		if err != nil || hex.EncodeToString(got) != "ee"+tc.want {
			t.Errorf("%s: got %x, %v, want %s", tc.name, got, err, tc.want)
		}
	}
}

func TestAppendReply(t *testing.T) {
	got, err := protorpc.New().AppendReply(nil, codec.Envelope{ID: "0", Method: "Greeter.Hello"}, &greet.HelloReply{Greeting: "Hello Ann"})
	if err != nil || hex.EncodeToString(got) != helloAnn {
		t.Errorf("got %x, %v, want %s", got, err, helloAnn)
	}
	got, err = protorpc.New().AppendReply(nil, codec.Envelope{ID: "0", Error: notFound}, nil)
	if want := "\x00\x00\x00\x50\x1a\x4e" + notFound + "\x00\x00\x00\x00"; err != nil || string(got) != want {
		t.Errorf("error reply: got %q, %v, want %q", got, err, want)
	}
}

func TestBadIDIsAnError(t *testing.T) {
	for _, id := range []string{"abc", "-1", "18446744073709551616", "1.5", " 1"} {
		got, err := protorpc.New().AppendRequest([]byte("x"), codec.Envelope{ID: id}, &greet.HelloRequest{})
		if err == nil || string(got) != "x" {
			t.Errorf("%q: got %q, %v, want an error", id, got, err)
		}
	}
}

func TestMarshalIsBare(t *testing.T) {
	got, err := protorpc.New().Marshal(&greet.HelloRequest{Name: "Ann", Count: 3})
	if want := "\n\x03Ann\x10\x03"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestReadRequest(t *testing.T) {
	data, err := hex.DecodeString(hello)
	if err != nil {
		t.Fatal(err)
	}
	e, value, err := protorpc.New().ReadRequest(data)
	if want := (codec.Envelope{ID: "0", Method: "Greeter.Hello"}); err != nil || e != want {
		t.Fatalf("got %+v, %v, want %+v", e, err, want)
	}
	var m greet.HelloRequest
	if err := protorpc.New().Unmarshal(value, &m); err != nil || m.Name != "Ann" || m.Count != 3 {
		t.Errorf("got %v, %v, want Ann and 3", &m, err)
	}
	// An append by the reader of the value must not reach what lies behind it.
	if cap(value) != len(value) {
		t.Errorf("got capacity %d for %d bytes, want the same", cap(value), len(value))
	}
}

func TestReadReply(t *testing.T) {
	data, err := hex.DecodeString(helloAnn)
	if err != nil {
		t.Fatal(err)
	}
	e, value, err := protorpc.New().ReadReply(data)
	if err != nil || e != (codec.Envelope{ID: "0"}) || string(value) != "\n\x09Hello Ann" {
		t.Errorf("got %+v, %q, %v, want id 0 and the message", e, value, err)
	}
	e, value, err = protorpc.New().ReadReply([]byte("\x00\x00\x00\x50\x1a\x4e" + notFound + "\x00\x00\x00\x00"))
	if err != nil || e.Error != notFound || len(value) != 0 {
		t.Errorf("got %+v, %q, %v, want error %q and no value", e, value, err, notFound)
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	// Field 1 as a varint, field 9 as bytes, then the sequence number.
	e, _, err := protorpc.New().ReadReply([]byte("\x00\x00\x00\x0e\x08\x05\x4a\x01x\x11\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	if err != nil || e != (codec.Envelope{ID: "7"}) {
		t.Errorf("got %+v, %v, want id 7 only", e, err)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"empty":            {"", "envelope block: 0 bytes are left, its length alone takes 4"},
		"short length":     {"\x00\x00\x00", "envelope block: 3 bytes are left"},
		"4 GiB envelope":   {"\xff\xff\xff\xff", "envelope block: announces 4294967295 bytes, 0 are left"},
		"no message":       {"\x00\x00\x00\x00", "message block: 0 bytes are left"},
		"short message":    {"\x00\x00\x00\x00\x00\x00\x00\x02a", "message block: announces 2 bytes, 1 are left"},
		"more behind":      {"\x00\x00\x00\x00\x00\x00\x00\x00ab", "2 bytes follow the message block"},
		"bad tag":          {"\x00\x00\x00\x01\xff\x00\x00\x00\x00", "envelope: "},
		"truncated string": {"\x00\x00\x00\x02\x0a\x05\x00\x00\x00\x00", "envelope: field 1: "},
	} {
		_, _, err := protorpc.New().ReadRequest([]byte(tc.in))
		if err == nil || !strings.HasPrefix(err.Error(), "proto-rpc codec: request: "+tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if _, _, err = protorpc.New().ReadReply([]byte(tc.in)); err == nil {
			t.Errorf("%s: got no error from ReadReply, want one", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{hello, helloAnn, "ffffffff", "000000010a00000000"} {
		data, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := protorpc.New()
		if e, value, err := c.ReadReply(data); err == nil && e.Error == "" {
			check(t, e, value, c.AppendReply, c.ReadReply)
		}
		if e, value, err := c.ReadRequest(data); err == nil {
			check(t, e, value, c.AppendRequest, c.ReadRequest)
		}
	})
}

func check(
	t *testing.T, e codec.Envelope, value []byte,
	write func([]byte, codec.Envelope, any) ([]byte, error),
	read func([]byte) (codec.Envelope, []byte, error),
) {
	t.Helper()
	var m greet.HelloReply
	if protorpc.New().Unmarshal(value, &m) != nil {
		return
	}
	out, err := write(nil, e, &m)
	if err != nil {
		t.Fatalf("got %v for what was just read, want it written", err)
	}
	again, _, err := read(out)
	// Replies do not say the method.
	if err != nil || again.ID != e.ID || again.Method != "" && again.Method != e.Method {
		t.Errorf("got %+v, %v, want %+v", again, err, e)
	}
}
