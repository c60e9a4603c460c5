// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"sync/atomic"
	"testing"

	"example.com/mailcall/api"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/tests/internal/kit"
	"example.com/mailcall/transport"
)

// held holds dials while it is shut.
type held struct {
	transport.Transport
	shut  *atomic.Bool
	begun chan struct{}
	open  chan struct{}
}

func (h held) Dial(ctx context.Context, address string) (transport.Conn, error) {
	if h.shut.Load() {
		h.begun <- struct{}{}
		select {
		case <-h.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.Transport.Dial(ctx, address)
}

// A stream that waits for a connection of its own leaves those of the calls
// alone: they are kept when the calls are done.
func TestStreamThatWaitsKeepsNoConnectionFromCalls(t *testing.T) {
	gate := kit.NewGate()
	server := mailcalltest.Start(t, gate.Handler())
	over := held{overHTTP(t), new(atomic.Bool), make(chan struct{}, 1), make(chan struct{})}
	c := kit.Start(t, api.WithTransport(over), api.WithAddress(server.Address()))
	told := make(chan error, 2)
	go func() { told <- kit.Call(kit.Within(t), c) }()
	kit.Await(t, "the call", gate.Hits)
	over.shut.Store(true)
	opened := make(chan error, 1)
	go func() {
		s, err := c.Stream(kit.Within(t), c.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	kit.Await(t, "the stream's dial", over.begun)
	gate.Open()
	if err := kit.Await(t, "the answer", told); err != nil {
		t.Fatal(err)
	}
	kit.Until(t, "the connection to be given back", func() bool { return kit.Pool(c).Lent == 0 })
	if p := kit.Pool(c); p.Idle != 1 || p.Discarded != 0 {
		t.Errorf("got %d connections idle and %d closed, want the call's to be kept", p.Idle, p.Discarded)
	}
	close(over.open)
	if err := kit.Await(t, "the stream", opened); err != nil {
		t.Error(err)
	}
}
