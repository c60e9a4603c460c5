// SPDX-License-Identifier: Apache-2.0

package publisher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.com/mailcall/broker"
	"example.com/mailcall/internal/clock"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/stage"
	"example.com/mailcall/messages"
	"example.com/mailcall/metadata"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// Transport makes a transport of a broker: a connection is the broker itself, and
// an exchange hands one message over and has an empty reply. It is safe for
// concurrent use.
type Transport struct {
	broker broker.Broker
	ref    messages.Ref[messages.PublisherMessage]
	clock  clock.Clock
	aside  func(work func())
	left   atomic.Int64 // publishes that are over, but not for the broker
}

const (
	// grace is how long a broker may take to return once the context is done; its
	// error says more than that the time is over.
	grace = 100 * time.Millisecond
	// maxLeft is how many publishes may be left behind before further ones are refused,
	// so that a broker that never returns does not use up the memory.
	maxLeft = 1024
)

var (
	_ transport.Transport   = (*Transport)(nil)
	_ transport.Multiplexer = (*Transport)(nil)
)

// NewTransport returns the transport to b, which the publisher behind ref
// connects. aside runs work that may block on a goroutine of its own; if it is nil,
// the broker is called on the goroutine of the publish, which it then can hold.
func NewTransport(b broker.Broker, ref messages.Ref[messages.PublisherMessage], c clock.Clock, aside func(work func())) *Transport {
	return &Transport{broker: b, ref: ref, clock: c, aside: aside}
}

// LeftBehind returns how many publishes are over, although the broker has not
// returned from them.
func (t *Transport) LeftBehind() int64 { return t.left.Load() }

// Dial waits until the publisher has connected the broker.
func (t *Transport) Dial(ctx context.Context, _ string) (transport.Conn, error) {
	stage.Enter(ctx, "connecting to the broker "+t.broker.String())
	done := make(chan error, 1)
	t.ref.Tell(messages.Connect{Done: func(err error) { done <- err }})
	select {
	case err := <-done:
		return t.connected(err)
	case <-ctx.Done():
		return nil, transport.NotSent(ctx.Err())
	}
}

// Begin is [Transport.Dial] for a simulator, which must not block: done is
// called once, in a turn of the publisher, which bounds the wait itself. cancel
// does nothing.
func (t *Transport) Begin(_ string, _ time.Duration, done func(transport.Conn, error)) (cancel func()) {
	t.ref.Tell(messages.Connect{Done: func(err error) { done(t.connected(err)) }})
	return func() {}
}

func (t *Transport) connected(err error) (transport.Conn, error) {
	if err != nil {
		return nil, transport.NotSent(fmt.Errorf("broker %s: %w", t.broker, err))
	}
	return &conn{Transport: t}, nil
}

// String returns [messages.Broker].
func (*Transport) String() string { return messages.Broker }

// Multiplexed implements transport.Multiplexer.
func (*Transport) Multiplexed() bool { return true }

// conn is the broker as a connection.
type conn struct {
	*Transport

	closed  atomic.Bool
	running atomic.Int64
	begun   atomic.Uint64
	mu      sync.Mutex // serialises Send
}

var _ transport.Parallel = (*conn)(nil)

// Exchange implements transport.Parallel.
func (c *conn) Exchange(ctx context.Context, deadline time.Time, request, reply *transport.Message) error {
	c.running.Add(1)
	defer c.running.Add(-1)
	c.begun.Add(1)
	*reply = transport.Message{}
	if !deadline.IsZero() {
		bounded, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		ctx = bounded
	}
	to, m := message(request)
	return proven(ctx, c.publish(ctx, to, m))
}

// publish hands m to the broker and waits until it returns. It leaves a broker behind
// that does not return when ctx is done, as the contract wants. That one may still read
// m: the bytes of a publish are not reused.
func (t *Transport) publish(ctx context.Context, to string, m *broker.Message) error {
	if t.aside == nil {
		return t.handOver(ctx, to, m)
	}
	if t.left.Load() >= maxLeft {
		return broker.NotSent(fmt.Errorf("%w: the broker %s does not return from %d publishes that are over", rpcerr.ErrOverloaded, t.broker, maxLeft))
	}
	var over atomic.Bool // the first of both sides sets it
	done := make(chan error, 1)
	t.aside(func() {
		guard.Ask(func() (struct{}, error) { return struct{}{}, t.handOver(ctx, to, m) }, func(_ struct{}, err error) {
			if over.Swap(true) {
				t.left.Add(-1)
			}
			done <- err
		})
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := make(chan struct{})
	timer := t.clock.Timer(func() { close(late) })
	timer.Reset(t.clock.Now().Add(grace))
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-late:
	}
	t.left.Add(1)
	if over.Swap(true) { // it has returned after all
		t.left.Add(-1)
		return <-done
	}
	return fmt.Errorf("%w: the broker %s does not return", ctx.Err(), t.broker)
}

func (t *Transport) handOver(ctx context.Context, to string, m *broker.Message) (err error) {
	defer guard.Catch("broker", &err)
	return t.broker.Publish(ctx, to, m)
}

// message returns the message that the request carries, and its topic.
func message(request *transport.Message) (to string, m *broker.Message) {
	m = &broker.Message{Header: make(metadata.Metadata, len(request.Header)), Body: request.Body}
	for _, f := range request.Header {
		if f.Name == messages.PublishTo {
			to = f.Value
			continue
		}
		m.Header[f.Name] = f.Value
	}
	return to, m
}

// proven translates the broker's error into one of a transport, with what it
// proves about the message.
func proven(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broker.ErrInvalid):
		return fmt.Errorf("%w: %w", transport.ErrInvalid, err)
	case errors.Is(err, broker.ErrTooLarge):
		return transport.NotSent(fmt.Errorf("%w: %w", transport.ErrTooLarge, err))
	case errors.Is(err, broker.ErrNoSubscribers):
		return transport.Answered(err)
	case errors.Is(err, broker.ErrNotSent):
		return transport.NotSent(err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", os.ErrDeadlineExceeded, err)
	default:
		return err
	}
}

// Ready implements transport.Shared. It says nothing about the broker's health;
// Publish does.
func (c *conn) Ready(time.Duration) bool { return !c.closed.Load() }

// Load implements transport.Shared.
func (c *conn) Load() (running int, begun uint64) { return int(c.running.Load()), c.begun.Load() }

// Send implements transport.Conn. The broker outlives it.
func (c *conn) Send(m *transport.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	//nolint:forbidigo // Send has no context
	return c.Exchange(context.Background(), time.Time{}, m, new(transport.Message))
}

// Recv implements transport.Conn: a message that was sent has been accepted.
func (c *conn) Recv(m *transport.Message) error {
	*m = transport.Message{}
	return nil
}

// Close implements transport.Conn. The broker belongs to whoever made it.
func (c *conn) Close() error {
	c.closed.Store(true)
	return nil
}
