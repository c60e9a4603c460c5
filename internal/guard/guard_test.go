// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/mailcall/internal/guard"
	"example.com/mailcall/rpcerr"
)

func carefully(do func()) (err error) {
	defer guard.Catch("codec", &err)
	do()
	return nil
}

func TestCatch(t *testing.T) {
	if err := carefully(func() {}); err != nil {
		t.Errorf("got %v, want none", err)
	}
	err := carefully(func() { panic("as ordered") })
	if !errors.Is(err, rpcerr.ErrPanic) {
		t.Fatalf("got %v, want ErrPanic", err)
	}
	for _, want := range []string{"codec: as ordered\n", "guard_test.go"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
}
