// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// plain is a transport that can no more than it must: send, receive, close.
// Nothing is ever answered.
type plain struct {
	name string
	send func(address string, m *transport.Message)
}

func (p *plain) Dial(_ context.Context, address string) (transport.Conn, error) {
	return &plainConn{p: p, address: address, closed: make(chan struct{})}, nil
}

func (p *plain) String() string { return p.name }

type plainConn struct {
	p       *plain
	address string
	once    sync.Once
	closed  chan struct{}
}

func (c *plainConn) Send(m *transport.Message) error {
	c.p.send(c.address, m)
	return nil
}

func (c *plainConn) Recv(*transport.Message) error {
	<-c.closed
	return errors.New("closed")
}

func (c *plainConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// Close ends a wrapped call that nothing else would end.
func TestCloseEndsAWrappedCallOnAPlainConnection(t *testing.T) {
	sent := make(chan struct{}, 1)
	wire := &plain{"plain", func(string, *transport.Message) { sent <- struct{}{} }}
	c, err := api.New(api.WithTransport(wire), api.WithAddress("a:1"), api.WithRequestTimeout(0), api.WithAttemptTimeout(0),
		api.WithCallWrapper(func(next api.CallFunc) api.CallFunc { return next }))
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- greetAnn(context.Background(), c) }()
	await(t, "the request", sent)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Close(over); got != 1 {
		t.Errorf("got %d calls cut, want 1", got)
	}
	if err := await(t, "the end of the call", result); !errors.Is(err, rpcerr.ErrClosed) {
		t.Errorf("got %v, want %v", err, rpcerr.ErrClosed)
	}
}

// An attempt that is still writing when another one begins writes what it was
// given: its own id.
func TestRacingAttemptsHaveTheirOwnNumbers(t *testing.T) {
	var mu sync.Mutex
	ids := make(map[string]string)
	second := make(chan struct{})
	wire := &plain{"plain", func(address string, m *transport.Message) {
		id := strings.Clone(m.Header.Get("Micro-ID"))
		if address == "slow:1" {
			<-second
			if got := m.Header.Get("Micro-ID"); got != id {
				id = "changed from " + id + " to " + got
			}
		}
		mu.Lock()
		ids[address] = id
		mu.Unlock()
		if address == "fast:1" {
			close(second)
		}
	}}
	c := start(t, api.WithTransport(wire), api.WithAddress("slow:1", "fast:1"), api.WithStrategy(inOrder{}),
		api.WithIdempotent(true), api.WithRetries(1), api.WithHedge(time.Millisecond), api.WithAttemptTimeout(0))
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		_ = greetAnn(ctx, c) // never answered
	}()
	until(t, "both requests", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ids) == 2
	})
	cancel()
	await(t, "the end of the call", done)
	if ids["slow:1"] == ids["fast:1"] || strings.HasPrefix(ids["slow:1"], "changed") {
		t.Errorf("got the ids %q and %q, want two", ids["slow:1"], ids["fast:1"])
	}
}
