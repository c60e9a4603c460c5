// SPDX-License-Identifier: Apache-2.0

package bytes_test

import (
	"errors"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/bytes"
)

func TestMarshal(t *testing.T) {
	abc := []byte("\x00\x01abc")
	for _, v := range []any{abc, &abc} {
		got, err := bytes.New().Marshal(v)
		if err != nil || string(got) != "\x00\x01abc" {
			t.Errorf("%T: got %q, %v, want %q", v, got, err, abc)
		}
	}
	if got, err := bytes.New().Append([]byte("x"), []byte(nil)); err != nil || string(got) != "x" {
		t.Errorf("nil slice: got %q, %v, want no bytes added and no error", got, err)
	}
}

func TestUnmarshalCopies(t *testing.T) {
	data := []byte("raw:\x00")
	var got []byte
	if err := bytes.New().Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if string(got) != "raw:\x00" {
		t.Errorf("got %q, want a copy of what was there", got)
	}
	if err := bytes.New().Unmarshal(nil, &got); err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %q, %v, want an empty slice that is not nil", got, err)
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	var s string
	var want *codec.TypeError
	if _, err := bytes.New().Marshal("text"); !errors.As(err, &want) || want.Got != "string" {
		t.Errorf("got %v, want a TypeError for string", err)
	}
	if err := bytes.New().Unmarshal(nil, &s); !errors.As(err, &want) || want.Got != "*string" {
		t.Errorf("got %v, want a TypeError for *string", err)
	}
}
