// SPDX-License-Identifier: Apache-2.0

// Package ctxerr makes the errors of calls and streams that their contexts have
// ended.
package ctxerr

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"example.com/mailcall/rpcerr"
)

// DeadlineReached says which bound has ended a call or stream: that of its context.
const DeadlineReached = "the caller's deadline passed"

// Before returns the error of a call or stream whose ctx is done before it begins,
// nil if ctx is not done.
func Before(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return Ended(ctx)
}

// Ended returns the error of what ctx has ended, by its deadline or by being cancelled.
func Ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %s", err, DeadlineReached)
	}
	return Cancelled(ctx)
}

// Cancelled returns the error of what ctx has ended by being cancelled: its cause if
// that is the closing of the client, else that the caller gave up, and why.
func Cancelled(ctx context.Context) error {
	err, cause := cmp.Or(ctx.Err(), context.Canceled), context.Cause(ctx)
	switch {
	case errors.Is(cause, rpcerr.ErrClosed):
		return cause
	case cause == nil || errors.Is(err, cause):
		return fmt.Errorf("the caller gave up: %w", err)
	default:
		return fmt.Errorf("the caller gave up: %w: %w", err, cause)
	}
}
