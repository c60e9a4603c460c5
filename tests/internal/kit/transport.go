// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"

	"example.com/mailcall/transport"
)

// Bare is a transport whose connections can do what the contract demands and
// no more.
type Bare struct{ transport.Transport }

// Dial hides what else the connection can do.
func (b Bare) Dial(ctx context.Context, address string) (transport.Conn, error) {
	c, err := b.Transport.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return bare{c}, nil
}

type bare struct{ transport.Conn }

// BlackHole is a transport that never gets through.
type BlackHole struct {
	// Dialling gets one for each dial that begins.
	Dialling chan struct{}
}

// NewBlackHole returns a black hole.
func NewBlackHole() *BlackHole { return &BlackHole{Dialling: make(chan struct{}, room)} }

// Dial waits for the end of ctx.
func (b *BlackHole) Dial(ctx context.Context, _ string) (transport.Conn, error) {
	b.Dialling <- struct{}{}
	<-ctx.Done()
	return nil, transport.NotSent(ctx.Err())
}

// String implements transport.Transport.
func (*BlackHole) String() string { return "black hole" }
