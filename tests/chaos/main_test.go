// SPDX-License-Identifier: Apache-2.0

// Package chaos_test breaks things while calls are under way: nodes, user code,
// the caller's own patience.
package chaos_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
