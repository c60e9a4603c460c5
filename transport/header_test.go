// SPDX-License-Identifier: Apache-2.0

package transport_test

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHeaderLookup(t *testing.T) {
	h := transport.Header{{"Micro-ID", "1"}, {"micro-id", "2"}, {"Empty", ""}}
	for _, tc := range []struct {
		name, want string
		ok         bool
	}{
		{"Micro-ID", "1", true}, {"Micro-Id", "1", true}, {"MICRO-ID", "1", true},
		{"empty", "", true}, {"Micro-I", "", false}, {"", "", false},
	} {
		if got, ok := h.Lookup(tc.name); got != tc.want || ok != tc.ok {
			t.Errorf("%q: got %q, %t, want %q, %t", tc.name, got, ok, tc.want, tc.ok)
		}
		if got := h.Get(tc.name); got != tc.want {
			t.Errorf("%q: got %q from Get, want %q", tc.name, got, tc.want)
		}
	}
	if got := transport.Header(nil).Get("A"); got != "" {
		t.Errorf("nil header: got %q, want nothing", got)
	}
}

func TestHeaderChange(t *testing.T) {
	var h transport.Header
	h.Set("A", "1")
	h.Add("B", "2")
	h.Add("b", "3")
	h.Set("a", "new")
	h.Set("B", "new")
	want := transport.Header{{"A", "new"}, {"B", "new"}, {"b", "3"}}
	if !slices.Equal(h, want) {
		t.Fatalf("got %v, want %v", h, want)
	}
	h.Del("Nothing")
	if !slices.Equal(h, want) {
		t.Errorf("got %v after Del of nothing, want %v", h, want)
	}
	h.Del("b")
	if want = (transport.Header{{"A", "new"}}); !slices.Equal(h, want) {
		t.Errorf("got %v after Del, want %v", h, want)
	}
}

func TestHeaderClone(t *testing.T) {
	h := transport.Header{{"A", "1"}}
	c := h.Clone()
	c.Set("A", "2")
	c.Add("B", "3")
	if want := (transport.Header{{"A", "1"}}); !slices.Equal(h, want) {
		t.Errorf("got %v, want %v", h, want)
	}
	if got := transport.Header(nil).Clone(); len(got) != 0 {
		t.Errorf("nil header: got %v, want an empty one", got)
	}
}
