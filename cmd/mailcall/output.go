// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// outputError is returned if the output cannot be written: stdout is full or closed,
// or a reply cannot be formatted.
type outputError struct{ error }

// Unwrap returns the cause.
func (u *outputError) Unwrap() error { return u.error }

// printed returns err as an outputError about what, nil if err is nil.
func printed(what string, err error) error {
	if err == nil {
		return nil
	}
	return &outputError{fmt.Errorf("%s cannot be written: %w", what, err)}
}

// printedReply is printed for the reply of a call.
func printedReply(err error) error { return printed("the reply arrived but", err) }

// printHelp prints the help of a command.
func printHelp(o kong.HelpOptions, c *kong.Context) error {
	return printed("the help", kong.DefaultHelpPrinter(o, c))
}
