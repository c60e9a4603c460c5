// SPDX-License-Identifier: Apache-2.0

//go:build unix

package load

import (
	"fmt"
	"syscall"
	"time"
)

// CPU returns the user and system time this process has used.
func CPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
