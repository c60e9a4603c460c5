// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"example.com/mailcall/tests/conformance"
)

// The conformance suite for codecs, which your own codec should pass.
func TestConformance(t *testing.T) {
	conformance.Codec(t, gzipJSON{}, &sumRequest{Numbers: []int{1, -2, 3}}, &sumReply{Sum: 2})
}
