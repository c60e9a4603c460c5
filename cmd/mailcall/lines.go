// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// lineReader reads lines of at most maxBody bytes.
func lineReader(in io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxBody+2) // with the end of the line
	return lines
}

// inLine says in which line of the input a fault is.
func inLine(n int, err error) error {
	if wrong, is := errors.AsType[*usageError](err); is {
		return &usageError{fmt.Errorf("line %d of the input: %w", n, wrong.error), wrong.hint}
	}
	return fmt.Errorf("line %d of the input: %w", n, err)
}
