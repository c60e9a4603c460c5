// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"errors"
	"testing"

	"example.com/mailcall/codec"
)

func TestFrameOf(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    any
		want string
		ok   bool
	}{
		{"frame", codec.Frame{Data: []byte("ab")}, "ab", true},
		{"pointer", &codec.Frame{Data: []byte("ab")}, "ab", true},
		{"empty", codec.Frame{}, "", true},
		{"nil pointer", (*codec.Frame)(nil), "", false},
		{"nil", nil, "", false},
		{"bytes", []byte("ab"), "", false},
	} {
		if got, ok := codec.FrameOf(tc.v); string(got) != tc.want || ok != tc.ok {
			t.Errorf("%s: got %q, %t, want %q, %t", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestSetFrameCopies(t *testing.T) {
	data := []byte("ab")
	kept := codec.Frame{Data: []byte("kept by somebody else")}
	before := kept.Data
	if !codec.SetFrame(&kept, data) {
		t.Fatal("got false for a *Frame, want true")
	}
	data[0] = 'X'
	if got := string(kept.Data); got != "ab" {
		t.Errorf("got %q, want %q", got, "ab")
	}
	if got := string(before); got != "kept by somebody else" {
		t.Errorf("got %q in the earlier memory of the frame, want it as it was", got)
	}
}

func TestSetFrameRefuses(t *testing.T) {
	var nothing []byte
	for _, v := range []any{nil, (*codec.Frame)(nil), codec.Frame{}, &nothing} {
		if codec.SetFrame(v, []byte("ab")) {
			t.Errorf("got true for %T, want false", v)
		}
	}
}

func TestTypeErrorText(t *testing.T) {
	var err error = &codec.TypeError{Codec: "proto", Want: "a protobuf message", Got: "int"}
	want := "proto codec: cannot use a value of type int; it takes a protobuf message"
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := errors.AsType[*codec.TypeError](err); !ok {
		t.Error("got no *TypeError from errors.As, want one")
	}
}
