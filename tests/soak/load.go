// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/broker"
	"example.com/mailcall/broker/memory"
	"example.com/mailcall/mailcalltest"
	"example.com/mailcall/mailcalltest/greet"
	"example.com/mailcall/transport"
)

// counts are the events so far.
type counts struct {
	calls, failed, streams, streamsFailed, messages, published, kills atomic.Int64
	lost                                                              atomic.Int64 // did not end in time
}

const (
	// patience is how long after its deadline a call is considered lost.
	patience = 10 * time.Second
	deadline = 2 * time.Second
	// maxSaid bounds the messages that a stream sends.
	maxSaid = 20
	// life is how long a node runs, away how long it stays down.
	life, away = 3 * time.Second, 300 * time.Millisecond
)

// wire is a transport with its nodes and its client.
type wire struct {
	name   string
	nodes  []*mailcalltest.Responder
	client *api.Caller
	broker *memory.Broker
}

type listening interface {
	transport.Transport
	mailcalltest.Listening
}

func newWire(over listening, address string, nodes int) (*wire, error) {
	w := &wire{name: over.String(), broker: memory.New()}
	var addresses []string
	for range nodes {
		n := mailcalltest.NewGreeter("greeter")
		if err := n.Listen(over, address); err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.nodes = append(w.nodes, n)
		addresses = append(addresses, n.Address())
	}
	var err error
	w.client, err = api.New(
		api.WithTransport(over), api.WithAddress(addresses...), api.WithBroker(w.broker),
		api.WithRequestTimeout(deadline), api.WithHalfCloseWait(50*time.Millisecond), api.WithIdempotent(true),
	)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *wire) close() (err error) {
	if w.client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		w.client.Close(ctx)
	}
	for _, n := range w.nodes {
		err = errors.Join(err, n.Close())
	}
	return errors.Join(err, w.broker.Close())
}

// load runs workers until ctx is done.
func (w *wire) load(ctx context.Context, o options, c *counts, work *sync.WaitGroup) {
	for range o.workers {
		work.Go(func() { repeat(ctx, c, w.call) })
	}
	for range max(o.workers/2, 1) {
		work.Go(func() { repeat(ctx, c, w.stream) })
	}
	work.Go(func() { w.publish(ctx, c) })
	work.Go(func() { w.harass(ctx, c) })
}

// repeat runs do again and again, and checks that each run ends.
func repeat(ctx context.Context, c *counts, do func(context.Context, *counts)) {
	for ctx.Err() == nil {
		began := time.Now()
		do(ctx, c)
		if time.Since(began) > deadline+patience {
			c.lost.Add(1)
		}
	}
}

func (w *wire) call(ctx context.Context, c *counts) {
	rsp := new(greet.HelloReply)
	err := w.client.Call(context.WithoutCancel(ctx), w.client.NewRequest("greeter", "Greeter.Hello", &greet.HelloRequest{Name: "Ann"}), rsp)
	c.calls.Add(1)
	switch {
	case err != nil:
		c.failed.Add(1)
	case rsp.GetGreeting() != "Hello Ann":
		c.lost.Add(1) // the answer belongs to another call
	}
}

func (w *wire) stream(ctx context.Context, c *counts) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	c.streams.Add(1)
	if err := w.converse(bounded, c); err != nil {
		c.streamsFailed.Add(1)
	}
}

// converse opens a stream, sends a few messages, and ends it.
func (w *wire) converse(ctx context.Context, c *counts) error {
	s, err := w.client.Stream(ctx, w.client.NewRequest("greeter", "Greeter.Bidi", &greet.HelloRequest{}))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for i := range c.streams.Load() % maxSaid {
		if err := s.Send(&greet.HelloRequest{Name: "Ann", Count: i}); err != nil {
			return err
		}
		rsp := new(greet.HelloReply)
		if err := s.Recv(rsp); err != nil {
			return err
		}
		if rsp.GetSeq() != i {
			return fmt.Errorf("got message %d, want %d", rsp.GetSeq(), i)
		}
		c.messages.Add(2)
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if err := s.Recv(new(greet.HelloReply)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("got %w, want the end", err)
	}
	return nil
}

func (w *wire) publish(ctx context.Context, c *counts) {
	s, err := w.broker.Subscribe(ctx, "greetings", func(context.Context, broker.Event) error {
		c.published.Add(1)
		return nil
	})
	if err != nil {
		c.lost.Add(1)
		return
	}
	defer func() { _ = s.Close() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = w.client.Publish(ctx, w.client.NewMessage("greetings", &greet.HelloRequest{Name: "Ann"})) // the counts show whether it arrived
		}
	}
}

// harass kills the nodes in turn and restarts them.
func (w *wire) harass(ctx context.Context, c *counts) {
	for i := 0; ; i++ {
		if !wait(ctx, life) {
			return
		}
		n := w.nodes[i%len(w.nodes)]
		n.Kill()
		c.kills.Add(1)
		alive := wait(ctx, away)
		if err := n.Restart(); err != nil { //nolint:contextcheck // a responder has no context
			c.lost.Add(1)
		}
		if !alive {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
