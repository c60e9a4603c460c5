// SPDX-License-Identifier: Apache-2.0

// Package stage lets who dials say what it is at, to whom waits for less long
// than the dial may take.
package stage

import "context"

// What several transports do on the way to a connection.
const (
	Resolving  = "resolving the name"
	Connecting = "connecting"
	Securing   = "shaking hands for TLS"
)

type key struct{}

// With returns a context for one dial; entered is told what it is at, from any
// goroutine.
func With(ctx context.Context, entered func(doing string)) context.Context {
	return context.WithValue(ctx, key{}, entered)
}

// At returns ctx for the part of the dial that concerns another place than the
// address that is dialled; it is named behind what is done.
func At(ctx context.Context, place string) context.Context {
	return With(ctx, func(doing string) { Enter(ctx, doing+" ("+place+")") })
}

// Enter says what the dial of ctx does from now on, in words that can follow
// "while". Without [With] nobody hears of it.
func Enter(ctx context.Context, doing string) {
	if entered, ok := ctx.Value(key{}).(func(string)); ok {
		entered(doing)
	}
}
