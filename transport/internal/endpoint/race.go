// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"net"
	"slices"
	"time"

	"example.com/mailcall/internal/clock"
)

// race is one dial of a name with several addresses. Only the goroutine that dials
// uses it; the attempts send their results to it.
type race struct {
	d     *Dialer
	name  string
	clock clock.Clock
	delay time.Duration

	waiting []string // not tried yet
	running []string
	failed  []error

	results chan result
	over    chan struct{} // closed when results are not received any more
	tick    chan struct{} // receives a value when the delay has passed
}

type result struct {
	address string
	conn    net.Conn
	err     error
}

func (r *race) run(parent context.Context) (net.Conn, error) {
	if r.clock == nil {
		r.clock = clock.Real()
	}
	if r.delay == 0 {
		r.delay = DefaultDelay
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer close(r.over)
	timer := r.clock.Timer(func() {
		select {
		case r.tick <- struct{}{}:
		default: // there is one already
		}
	})
	defer timer.Stop()
	for {
		if len(r.waiting) > 0 {
			r.start(ctx)
			timer.Reset(r.clock.Now().Add(r.delay))
		}
		conn, done := r.wait(parent)
		if conn != nil {
			return conn, nil
		}
		if done {
			return nil, r.lost(parent.Err())
		}
	}
}

// start tries the next address.
func (r *race) start(ctx context.Context) {
	address := r.waiting[0]
	r.waiting, r.running = r.waiting[1:], append(r.running, address)
	go func() {
		conn, err := r.d.connect(ctx, TCP, address)
		select {
		case r.results <- result{address, conn, err}:
		case <-r.over:
			if err == nil {
				_ = conn.Close() // another connection was first
			}
		}
	}()
}

// wait waits until there is a connection, the race is over, or the next address is to
// be tried.
func (r *race) wait(ctx context.Context) (conn net.Conn, over bool) {
	for {
		select {
		case got := <-r.results:
			if got.err == nil {
				return got.conn, true
			}
			r.running = slices.DeleteFunc(r.running, func(a string) bool { return a == got.address })
			r.failed = append(r.failed, got.err)
			if ctx.Err() != nil || len(r.waiting)+len(r.running) == 0 {
				return nil, true
			}
			if len(r.waiting) > 0 {
				return nil, false
			}
		case <-r.tick:
			if len(r.waiting) > 0 {
				return nil, false
			}
		case <-ctx.Done():
			return nil, true
		}
	}
}

// lost returns the error of a race without a connection.
func (r *race) lost(cause error) error {
	return &AttemptsError{
		Name: r.name, Attempts: r.failed, Cause: cause,
		Pending: append(r.running, r.waiting...),
	}
}
