// SPDX-License-Identifier: Apache-2.0

// Package stage lets a dial report what it is doing, so that a caller whose wait
// ends before the dial does can say so.
package stage

import "context"

// Stages that several transports have in common.
const (
	Resolving  = "resolving the name"
	Connecting = "connecting"
	Securing   = "shaking hands for TLS"
)

type key struct{}

// With returns a context for one dial. entered is called with each stage, by any
// goroutine.
func With(ctx context.Context, entered func(doing string)) context.Context {
	return context.WithValue(ctx, key{}, entered)
}

// At returns ctx for the part of a dial that concerns another place than the
// dialled address, such as a proxy. The place is appended to the stage.
func At(ctx context.Context, place string) context.Context {
	return With(ctx, func(doing string) { Enter(ctx, doing+" ("+place+")") })
}

// Enter reports what the dial of ctx does from now on, in words that can follow
// "while". Without [With] it does nothing.
func Enter(ctx context.Context, doing string) {
	if entered, ok := ctx.Value(key{}).(func(string)); ok {
		entered(doing)
	}
}
