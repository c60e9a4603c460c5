// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"

	"example.com/mailcall/internal/stage"
)

// Doing reports what the Dial that was given ctx does from now on, in words that can
// follow "while", such as "connecting". An attempt whose time is over before the dial
// ends says so in its error. A transport need not report anything, and may do so from
// any goroutine, as often as it likes.
func Doing(ctx context.Context, what string) { stage.Enter(ctx, what) }
