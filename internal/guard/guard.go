// SPDX-License-Identifier: Apache-2.0

// Package guard makes errors of panics in user code, so that they fail what
// that code was called for and nothing else.
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

// ErrLeft is the error of user code that has ended the goroutine it ran on. It
// matches [rpcerr.ErrPanic].
var ErrLeft = fmt.Errorf("%w: it ended its goroutine (runtime.Goexit, or FailNow of a test)", rpcerr.ErrPanic)

// Ask runs ask and passes its results to tell, or [ErrLeft] if ask has ended the
// goroutine. ask must end.
func Ask[T any](ask func() (T, error), tell func(T, error)) {
	var answer T
	err := ErrLeft
	defer func() { tell(answer, err) }()
	answer, err = ask()
}

// Panicked returns the error for p, a value that recover has returned.
func Panicked(where string, p any) error {
	return fmt.Errorf("%w: %s: %v\n%s", rpcerr.ErrPanic, where, p, debug.Stack())
}
