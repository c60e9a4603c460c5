// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
)

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return readAll(f, limit)
}

// readAll reads at most limit bytes, and returns an error if there are more.
func readAll(r io.Reader, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = tooLargeError(limit)
	}
	return data, err
}

// tooLargeError is the limit, in bytes, that was exceeded.
type tooLargeError int

// Error returns the message with the limit.
func (e tooLargeError) Error() string {
	return fmt.Sprintf("it is larger than the limit of %d bytes", int(e))
}
