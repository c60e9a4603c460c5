// SPDX-License-Identifier: Apache-2.0

package ctxerr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/mailcall/internal/ctxerr"
	"example.com/mailcall/rpcerr"
)

func TestCancelled(t *testing.T) {
	closed := fmt.Errorf("%w: the call was cut", rpcerr.ErrClosed)
	for _, tc := range []struct {
		name  string
		cause error
		want  string
	}{
		{"no cause", nil, "the caller gave up: context canceled"},
		{"a cause", errors.New("changed my mind"), "the caller gave up: context canceled: changed my mind"},
		{"a cause that is a cancel", fmt.Errorf("shutdown: %w", context.Canceled), "the caller gave up: context canceled: shutdown: context canceled"},
		{"the client was closed", closed, closed.Error()},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(tc.cause)
		err := ctxerr.Cancelled(ctx)
		if err.Error() != tc.want || tc.cause != nil && !errors.Is(err, tc.cause) {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
		if tc.cause != closed && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want an error that matches context.Canceled", tc.name, err)
		}
	}
}
