// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"example.com/mailcall/tests/conformance"
)

// The suite that a codec of your own should pass.
func TestConformance(t *testing.T) {
	conformance.Codec(t, gzipJSON{}, &sumRequest{Numbers: []int{1, -2, 3}}, &sumReply{Sum: 2})
}
