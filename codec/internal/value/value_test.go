// SPDX-License-Identifier: Apache-2.0

package value_test

import (
	"testing"

	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/internal/value"
)

func TestNilAndTarget(t *testing.T) {
	n := 7
	for _, tc := range []struct {
		name        string
		v           any
		null, taken bool
	}{
		{"nil", nil, true, false},
		{"nil pointer", (*int)(nil), true, false},
		{"nil message", (*greet.HelloReply)(nil), true, false},
		{"nil slice", []int(nil), false, false},
		{"nil map", map[string]int(nil), false, false},
		{"value", n, false, false},
		{"pointer", &n, false, true},
	} {
		if got := value.Nil(tc.v); got != tc.null {
			t.Errorf("%s: got nil %t, want %t", tc.name, got, tc.null)
		}
		if got := value.Target(tc.v); got != tc.taken {
			t.Errorf("%s: got target %t, want %t", tc.name, got, tc.taken)
		}
	}
}

func TestZero(t *testing.T) {
	s, m := struct{ A, B int }{1, 2}, greet.HelloReply{Seq: 4}
	if !value.Zero(&s) || s.A != 0 || s.B != 0 {
		t.Errorf("got %+v, want a zero struct", s)
	}
	if !value.Zero(&m) || m.GetSeq() != 0 {
		t.Errorf("got %v, want a zero message", &m)
	}
	if value.Zero(nil) || value.Zero(s) || value.Zero((*int)(nil)) {
		t.Error("got true for something that cannot be set, want false")
	}
}
