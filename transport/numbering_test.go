// SPDX-License-Identifier: Apache-2.0

package transport_test

import (
	"testing"

	"example.com/mailcall/transport"
)

func TestNumbering(t *testing.T) {
	header := func(id string) transport.Header {
		if id == "-" {
			return nil
		}
		return transport.Header{{Name: "Micro-ID", Value: id}}
	}
	for _, tc := range []struct {
		name   string
		asked  []string
		answer string
		old    bool
	}{
		{"nothing asked", nil, "0", false},
		{"own", []string{"0"}, "0", false},
		{"another", []string{"3"}, "4", false},
		{"before", []string{"0", "1"}, "0", true},
		{"own, after another", []string{"0", "1"}, "1", false},
		{"no id", []string{"0", "1"}, "-", false},
		{"empty id", []string{"0", "1"}, "", false},
		{"no number", []string{"x", "y"}, "x", false},
		{"always the same", []string{"5", "5"}, "5", false},
		{"a stream", []string{"5", "5", "5"}, "5", false},
		{"asked without an id", []string{"5", "-"}, "5", true},
		{"in turns", []string{"0", "1", "0"}, "0", false},
		{"largest", []string{"4611686018427387903", "0"}, "4611686018427387903", true},
		{"too large", []string{"9223372036854775808", "0"}, "9223372036854775808", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var n transport.Numbering
			for _, id := range tc.asked {
				n.Asked(header(id))
			}
			if got := n.Old(header(tc.answer)); got != tc.old {
				t.Errorf("got %t, want %t", got, tc.old)
			}
		})
	}
}
