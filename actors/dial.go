// SPDX-License-Identifier: Apache-2.0

package actors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/mailcall/actors/publisher"
	"example.com/mailcall/internal/guard"
	"example.com/mailcall/internal/stage"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

type dialFunc = func(string, time.Duration, func(transport.Conn, error)) func()

// dialer returns the function that dials a node for a pool, with the transport that
// the node's record names.
func (r *Runtime) dialer(n *messages.Node, p *messages.Pool) (dialFunc, error) {
	t := r.Transports[n.Transport]
	if r.Simulation != nil {
		if p, ok := t.(*publisher.Transport); ok {
			return p.Begin, nil
		}
		return r.Simulation.Dial, nil
	}
	if t == nil {
		known := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Transports)), func(name string) bool { return name == messages.Broker })
		return nil, transport.BadAddress(fmt.Errorf("%w: node %s of %s wants %q, the client has %s (WithTransports)",
			rpcerr.ErrUnsupportedTransport, n.Address, n.Service, n.Transport, strings.Join(known, ", ")))
	}
	return func(address string, timeout time.Duration, done func(transport.Conn, error)) func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout) //nolint:forbidigo // the pool's, not a call's
		p.SetDialStep("")                                                 // forget what the last dial was doing
		ctx = stage.With(ctx, p.SetDialStep)
		r.Go(func() {
			defer cancel()
			guard.Ask(func() (transport.Conn, error) {
				conn, err := dial(ctx, t, address)
				if err != nil && r.over(ctx) {
					err = fmt.Errorf("no connection within %s (DialTimeout): %w", timeout, err)
				}
				return conn, err
			}, done)
		})
		return cancel
	}, nil
}

// over reports whether the deadline of ctx has passed. A socket with the same
// deadline may fail a moment before ctx is done.
func (r *Runtime) over(ctx context.Context) bool {
	deadline, is := ctx.Deadline()
	return is && (errors.Is(ctx.Err(), context.DeadlineExceeded) || r.Clock.Now() >= r.Clock.Instant(deadline))
}

// multiplexed reports whether the connections to a node are expected to be
// shared.
func (r *Runtime) multiplexed(n *messages.Node) (is bool, err error) {
	defer guard.Catch("transport", &err)
	m, ok := r.Transports[n.Transport].(transport.Multiplexer)
	return ok && m.Multiplexed(), nil
}

func dial(ctx context.Context, t transport.Transport, address string) (c transport.Conn, err error) {
	defer guard.Catch("transport", &err)
	c, err = t.Dial(ctx, address)
	if err == nil && c == nil {
		err = fmt.Errorf("transport %s: Dial returned neither a connection nor an error", t)
	}
	return c, err
}
