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
	defer f.Close() //nolint:errcheck // it was only read
	return readAll(f, limit)
}

// readAll reads what is at most limit bytes. It reads one byte more, which is
// enough to know.
func readAll(r io.Reader, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = tooLargeError(limit)
	}
	return data, err
}

// tooLargeError is the limit that something was larger than, in bytes.
type tooLargeError int

// Error names the limit.
func (e tooLargeError) Error() string {
	return fmt.Sprintf("it is larger than the limit of %d bytes", int(e))
}
