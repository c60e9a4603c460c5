// SPDX-License-Identifier: Apache-2.0

// Package machinery measures the overhead of the actors: a call over an in-memory
// connection that answers at once on the same goroutine, compared with the same
// exchange on the bare connection.
package machinery

import (
	"context"
	"fmt"
	"testing"
	"time"

	"example.com/mailcall/actors"
	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/selector"

	"example.com/mailcall/internal/dice"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

// inline is a transport whose connections answer themselves.
type inline struct{}

func (inline) Dial(context.Context, string) (transport.Conn, error) { return new(conn), nil }
func (inline) String() string                                       { return "inline" }

// conn echoes the body.
type conn struct {
	body     []byte
	deadline time.Time
	header   transport.Header
}

func (c *conn) Send(m *transport.Message) error { c.body = m.Body; return nil }

func (c *conn) Recv(m *transport.Message) error {
	m.Header, m.Body = c.header, c.body
	return nil
}

func (c *conn) Bind(_ context.Context, deadline time.Time) { c.deadline = deadline }
func (c *conn) Interrupt()                                 {}
func (c *conn) Ready(time.Duration) bool                   { return true }
func (c *conn) Close() error                               { return nil }

// exchange is a call without any encoding.
type exchange struct{ body []byte }

// Encode implements caller.Exchange.
func (*exchange) Encode() (brief bool, err error) { return true, nil }

func (x *exchange) Fill(_ context.Context, m *transport.Message, _ *messages.Node, _ time.Duration) error {
	m.Body = x.body
	return nil
}
func (*exchange) ReplyError(*transport.Message, *messages.Node, error) error { return nil }
func (*exchange) Decode(*transport.Message) error                            { return nil }
func (*exchange) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}
func (*exchange) Wrap(_ *messages.Node, do func(context.Context) error) error {
	return do(context.Background())
}
func (*exchange) Sent(bool) {}
func (*exchange) Keep()     {}

func start(b *testing.B) (*actors.Runtime, *caller.Plan) {
	b.Helper()
	return startOn(b, inline{})
}

func startOn(b *testing.B, t transport.Transport) (*actors.Runtime, *caller.Plan) {
	b.Helper()
	runtime, err := actors.New(actors.Config{
		Name: "machinery", Seed: 1, MaxCalls: 65536, MaxServices: 16,
		Transports: map[string]transport.Transport{"inline": t},
		Limits:     messages.PoolLimits{Size: 1024, Max: 1024, Waiters: 1024, DialTimeout: time.Second},
		Policy:     messages.SelectorPolicy{Picker: selector.P2C{}, Transport: "inline"},
		Budget:     messages.Budget{Max: 10, Ratio: 0.1},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { runtime.Close(context.Background()) })
	return runtime, &caller.Plan{
		Service: "s", Endpoint: "E.M", Key: "s", Addresses: []string{"node"},
		Timeout: 5 * time.Second, AttemptTimeout: time.Second, Attempts: 3,
	}
}

// BenchmarkBare measures an exchange on the bare connection, with a deadline.
func BenchmarkBare(b *testing.B) {
	var c transport.Exclusive = new(conn)
	var request, reply transport.Message
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		c.Bind(ctx, time.Now().Add(time.Second))
		if c.Send(&request) != nil || c.Recv(&reply) != nil {
			b.Fatal("the connection failed")
		}
	}
}

// BenchmarkCall measures the same exchange as a call: cell, pick, lease, deadline,
// turns of supervisor and attempt, mark, live list.
func BenchmarkCall(b *testing.B) {
	runtime, plan := start(b)
	x := &exchange{body: make([]byte, 64)}
	ctx := context.Background()
	if err := runtime.Desk.Do(ctx, plan, x); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := runtime.Desk.Do(ctx, plan, x); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallParallel is BenchmarkCall on all processors at once.
func BenchmarkCallParallel(b *testing.B) {
	runtime, plan := start(b)
	if err := runtime.Desk.Do(context.Background(), plan, &exchange{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		x := &exchange{body: make([]byte, 64)}
		for p.Next() {
			if err := runtime.Desk.Do(context.Background(), plan, x); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkPick measures choosing one of many nodes.
func BenchmarkPick(b *testing.B) {
	for _, size := range []int{1000, 10000} {
		nodes := make([]*messages.Node, size)
		for i := range nodes {
			nodes[i] = &messages.Node{}
			nodes[i].SetWeight(1)
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := dice.NewSource(1).Dice()
			b.ReportAllocs()
			for b.Loop() {
				if (selector.P2C{}).Pick(nodes, nil, &d) == nil {
					b.Fatal("no node was chosen")
				}
			}
		})
	}
}
