// SPDX-License-Identifier: Apache-2.0

package uuid_test

import (
	"bytes"
	"testing"

	"example.com/mailcall/internal/uuid"
)

func TestV4(t *testing.T) {
	for _, tc := range []struct {
		random [16]byte
		want   string
	}{
		{[16]byte{}, "00000000-0000-4000-8000-000000000000"},
		{[16]byte(bytes.Repeat([]byte{0xff}, 16)), "ffffffff-ffff-4fff-bfff-ffffffffffff"},
		{[16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, "01020304-0506-4708-890a-0b0c0d0e0f10"},
	} {
		if got := uuid.V4(tc.random); got != tc.want {
			t.Errorf("%x: got %s, want %s", tc.random, got, tc.want)
		}
	}
}
