// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package load

import (
	"errors"
	"time"
)

// CPU is not implemented on this system: it returns an error that matches
// errors.ErrUnsupported.
func CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
