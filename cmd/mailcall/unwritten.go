// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// unwrittenError is how a command ends that has something to say and nowhere to
// say it: stdout is full, or gone, or a reply cannot be shown.
type unwrittenError struct{ error }

// Unwrap returns the cause.
func (u *unwrittenError) Unwrap() error { return u.error }

// printed is how a command ends that has written what, or could not.
func printed(what string, err error) error {
	if err == nil {
		return nil
	}
	return &unwrittenError{fmt.Errorf("%s cannot be written: %w", what, err)}
}

// printedReply is how a command ends whose reply came: well, unless it could not
// be shown.
func printedReply(err error) error { return printed("the reply came but", err) }

// printHelp prints the help of a command.
func printHelp(o kong.HelpOptions, c *kong.Context) error {
	return printed("the help", kong.DefaultHelpPrinter(o, c))
}
