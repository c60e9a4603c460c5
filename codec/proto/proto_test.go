// SPDX-License-Identifier: Apache-2.0

package proto_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/proto"
)

func TestMarshal(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    any
		want string
	}{
		{"request", &greet.HelloRequest{Name: "Ann", Count: 3}, "\n\x03Ann\x10\x03"},
		{"failing request", &greet.HelloRequest{Code: 404, Detail: "no such thing"}, "\x20\x94\x03*\x0dno such thing"},
		{"reply", &greet.HelloReply{Greeting: "Hello Ann"}, "\n\x09Hello Ann"},
		{"zero", &greet.HelloRequest{}, ""},
	} {
		got, err := proto.New().Marshal(tc.v)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %x, %v, want %x", tc.name, got, err, tc.want)
		}
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	const want = "proto codec: cannot use a value of type []uint8; it takes a protobuf message that is not nil, or a codec.Frame"
	_, err := proto.New().Marshal([]byte("ab"))
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestUnmarshal(t *testing.T) {
	var m greet.HelloRequest
	if err := proto.New().Unmarshal([]byte("\n\x03Ann\x10\x03"), &m); err != nil || m.Name != "Ann" || m.Count != 3 {
		t.Errorf("got %v, %v, want Ann and 3", &m, err)
	}
	err := proto.New().Unmarshal([]byte("\n\x03An"), &m)
	if err == nil || !strings.HasPrefix(err.Error(), "proto codec: decode 4 bytes into *greet.HelloRequest: ") {
		t.Errorf("got %v, want an error that names codec, size and type", err)
	}
}

func TestInvalidUTF8IsAnErrorAndLeavesDst(t *testing.T) {
	got, err := proto.New().Append([]byte("before"), &greet.HelloRequest{Name: "\xff"})
	if err == nil || string(got) != "before" {
		t.Errorf("got %q, %v, want %q and an error", got, err, "before")
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	var c codec.Appender = proto.New()
	m := &greet.HelloRequest{Name: strings.Repeat("n", 1000), Count: 3}
	dst := make([]byte, 0, 2000)
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

// fast stands for a message with vtprotobuf's methods.
type fast struct {
	text  string
	wrote int
	err   error
}

func (f *fast) SizeVT() int { return len(f.text) }

func (f *fast) MarshalToSizedBufferVT(b []byte) (int, error) {
	copy(b[len(b)-len(f.text):], f.text)
	return len(f.text) + f.wrote, f.err
}

func (f *fast) Reset() { *f = fast{} }

func (f *fast) UnmarshalVT(data []byte) error {
	f.text += string(data)
	return nil
}

func TestFastMethods(t *testing.T) {
	c := proto.New()
	got, err := c.Append([]byte("before "), &fast{text: "abc"})
	if err != nil || string(got) != "before abc" {
		t.Errorf("got %q, %v, want %q", got, err, "before abc")
	}
	target := fast{text: "old"}
	if err := c.Unmarshal([]byte("new"), &target); err != nil || target.text != "new" {
		t.Errorf("got %q, %v, want %q", target.text, err, "new")
	}
	boom := errors.New("boom")
	if got, err = c.Append([]byte("before"), &fast{text: "abc", err: boom}); !errors.Is(err, boom) || string(got) != "before" {
		t.Errorf("got %q, %v, want %q and boom", got, err, "before")
	}
	if got, err = c.Append([]byte("before"), &fast{text: "abc", wrote: -1}); err == nil || string(got) != "before" {
		t.Errorf("got %q, %v, want %q and an error for a wrong size", got, err, "before")
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte("\n\x03Ann\x10\x03"))
	f.Add([]byte(""))
	f.Add([]byte("\n\xff\xff\xff\xff\x0fA"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again greet.HelloReply
		if proto.New().Unmarshal(data, &m) != nil {
			return
		}
		text, err := proto.New().Marshal(&m)
		if err != nil {
			t.Fatalf("got %v for what was just decoded, want it encoded", err)
		}
		if err := proto.New().Unmarshal(text, &again); err != nil || again.String() != m.String() {
			t.Errorf("got %v, %v, want %v", &again, err, &m)
		}
	})
}
