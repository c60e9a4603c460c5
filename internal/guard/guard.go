// SPDX-License-Identifier: Apache-2.0

// Package guard makes errors of panics in code of the user, so that they fail
// what that code was called for and nothing else.
package guard

import (
	"fmt"
	"runtime/debug"

	"example.com/mailcall/rpcerr"
)

// Catch is deferred around a call of the user's code: a panic becomes err,
// which matches [rpcerr.ErrPanic] and has the stack in its text.
func Catch(where string, err *error) {
	if p := recover(); p != nil {
		*err = Panicked(where, p)
	}
}

// Panicked is the error for p, which recover has returned.
func Panicked(where string, p any) error {
	return fmt.Errorf("%w: %s: %v\n%s", rpcerr.ErrPanic, where, p, debug.Stack())
}
