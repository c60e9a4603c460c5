// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"net/textproto"
	"testing"

	"example.com/mailcall/transport/http/internal/wire"
)

func TestCanonical(t *testing.T) {
	names := []string{"Micro-ID", "micro-id", "X-Micro-Error", "te", "grpc-status", "a", "A--b", "-a", "1a-B", "x_y", "Content-Type", "CONTENT-TYPE", "ETag", "a!b"}
	for _, name := range names {
		got, ok := wire.Canonical(name)
		if want := textproto.CanonicalMIMEHeaderKey(name); got != want || !ok {
			t.Errorf("got %q, %v for %q, want %q", got, ok, name, want)
		}
		line, err := wire.AppendField(nil, name, "v")
		if want := textproto.CanonicalMIMEHeaderKey(name) + ": v\r\n"; string(line) != want || err != nil {
			t.Errorf("got %q, %v, want %q", line, err, want)
		}
	}
	for _, name := range []string{"", "a b", "a:", ":path", "a\n", "ä", "a\x00", "(a)"} {
		if _, ok := wire.Canonical(name); ok {
			t.Errorf("got %q accepted, want refused", name)
		}
		if _, err := wire.AppendField(nil, name, "v"); err == nil {
			t.Errorf("got %q written, want refused", name)
		}
	}
}

func TestValues(t *testing.T) {
	for value, want := range map[string]string{
		"plain": "plain", "": "", " x ": "x", "a\r\nb": "a  b", "a\x00b": "a b", "\tx\r\n": "x", "ü\x7f": "ü\x7f", "\r\n": "",
	} {
		if got, err := wire.AppendField(nil, "A", value); string(got) != "A: "+want+"\r\n" || err != nil {
			t.Errorf("got %q, %v, want value %q", got, err, want)
		}
	}
}

func TestEqualFold(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{{"A-b", "a-B", true}, {"a", "ab", false}, {"@", "`", false}, {"[", "{", false}, {"A-b", "A\rb", false}, {"-", "\r", false}}
	for _, tt := range tests {
		if got := wire.EqualFold(tt.a, tt.b); got != tt.want {
			t.Errorf("got %v for %q and %q, want %v", got, tt.a, tt.b, tt.want)
		}
	}
}
