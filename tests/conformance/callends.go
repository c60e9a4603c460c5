// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"example.com/mailcall/api"
	"example.com/mailcall/metadata"
)

// waiting are the calls whose handlers wait until the caller has gone.
type waiting struct {
	mu    sync.Mutex
	calls map[string]*waiter
}

// waiter is one of them.
type waiter struct {
	began   chan bool // whether there was a deadline
	ended   chan struct{}
	release chan struct{}
}

// waiterField is the metadata that tells them apart.
const waiterField = "Waiter"

// enter makes a waiter, and the context that leads to it. It is released when
// the context's own end was seen, so that its answer does not come first.
func (w *waiting) enter(ctx context.Context) (context.Context, *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := strconv.Itoa(len(w.calls))
	made := &waiter{began: make(chan bool, 1), ended: make(chan struct{}, 1), release: make(chan struct{})}
	w.calls[name] = made
	return metadata.NewContext(ctx, metadata.Metadata{waiterField: name}), made
}

// here runs in their handlers.
func (w *waiting) here(ctx context.Context) error {
	md, _ := metadata.FromContext(ctx)
	name, _ := md.Get(waiterField)
	w.mu.Lock()
	me := w.calls[name]
	w.mu.Unlock()
	if me == nil {
		return fmt.Errorf("nobody waits for %q", name)
	}
	_, bounded := ctx.Deadline()
	me.began <- bounded
	<-ctx.Done()
	me.ended <- struct{}{}
	<-me.release
	return ctx.Err()
}

// cancel ends the context of a call and of a stream while the service is at
// work: both return, the service is told, and the next call is none the worse.
func (c *call) cancel() error {
	for _, begin := range []func(context.Context) error{c.waitUnary, c.waitStream} {
		if err := c.cancelled(begin); err != nil {
			return err
		}
	}
	return c.unary("Hello", "Ann", "Hello Ann")
}

func (c *call) cancelled(begin func(context.Context) error) error {
	ctx, cancel := c.within()
	defer cancel()
	ctx, w := c.stage.waiting.enter(ctx)
	defer close(w.release)
	over := make(chan error, 1)
	go func() { over <- begin(ctx) }()
	select {
	case <-w.began:
	case err := <-over:
		return fmt.Errorf("before it was cancelled: %w", err)
	}
	cancel()
	if err := receive(c.t, "the end of what was cancelled", over); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("got %w, want %w", err, context.Canceled)
	}
	receive(c.t, "the end of the handler's context", w.ended)
	return nil
}

func (c *call) waitUnary(ctx context.Context) error {
	return c.stage.client.Call(ctx, c.request("Wait", c.dialect.request("x", 0)), c.dialect.reply())
}

func (c *call) waitStream(ctx context.Context) error { return c.waitOn(ctx) }

func (c *call) waitOn(ctx context.Context, opts ...api.CallOption) error {
	s, err := c.open(ctx, "WaitStream", c.dialect.request("x", 0), opts...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	return s.Recv(c.dialect.reply())
}

// deadline lets the time of a call and of a stream run out: both end with it,
// the service was told beforehand how long it has, and the next call is none
// the worse.
func (c *call) deadline(bound time.Duration) error {
	unary := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, bound)
		defer cancel()
		return c.waitUnary(ctx)
	}
	stream := func(ctx context.Context) error { return c.waitOn(ctx, api.WithStreamTimeout(bound)) }
	for _, begin := range []func(context.Context) error{unary, stream} {
		if err := c.overdue(begin, bound); err != nil {
			return err
		}
	}
	return c.unary("Hello", "Ann", "Hello Ann")
}

func (c *call) overdue(begin func(context.Context) error, bound time.Duration) error {
	ctx, w := c.stage.waiting.enter(c.t.Context())
	defer close(w.release)
	if err := begin(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("got %w, want %w", err, context.DeadlineExceeded)
	}
	select {
	case bounded := <-w.began:
		if !bounded {
			return errors.New("got a handler without a deadline, want one")
		}
	case <-time.After(bound):
		return errEarly
	}
	receive(c.t, "the end of the handler's context", w.ended)
	return nil
}
