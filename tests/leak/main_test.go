// SPDX-License-Identifier: Apache-2.0

// Package leak_test shows that a closed client leaves nothing behind.
package leak_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
