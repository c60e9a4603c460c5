// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"errors"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/text"
)

func TestMarshal(t *testing.T) {
	s, b := "hi", []byte("hi")
	for _, v := range []any{s, &s, b, &b} {
		got, err := text.New().Marshal(v)
		if err != nil || string(got) != "hi" {
			t.Errorf("%T: got %q, %v, want %q", v, got, err, "hi")
		}
	}
	if got, err := text.New().Marshal(""); err != nil || len(got) != 0 {
		t.Errorf("empty string: got %q, %v, want no bytes and no error", got, err)
	}
}

func TestUnmarshalCopies(t *testing.T) {
	data := []byte("text:hi")
	var s string
	var b []byte
	for _, v := range []any{&s, &b} {
		if err := text.New().Unmarshal(data, v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	clear(data)
	if s != "text:hi" || string(b) != "text:hi" {
		t.Errorf("got %q and %q, want copies of %q", s, b, "text:hi")
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	var n int
	var want *codec.TypeError
	if _, err := text.New().Marshal(n); !errors.As(err, &want) || want.Got != "int" {
		t.Errorf("got %v, want a TypeError for int", err)
	}
	if err := text.New().Unmarshal(nil, &n); !errors.As(err, &want) || want.Got != "*int" {
		t.Errorf("got %v, want a TypeError for *int", err)
	}
}
