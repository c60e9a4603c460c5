// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"strconv"
	"strings"
	"time"

	"example.com/mailcall/actors/caller"
	"example.com/mailcall/actors/streamer"
	"example.com/mailcall/messages"
	"example.com/mailcall/transport"
)

func (st *stream) open() (*streamer.Stream, error) {
	s, plan := st.sim, st.plan()
	st.waiting++
	defer func() { st.waiting-- }()
	return s.runtime.Streams.Open(st.ctx, streamer.Opening{
		Service: plan.Service, Endpoint: plan.Endpoint, Timeout: plan.StreamTimeout, HalfCloseWait: st.spec.HalfCloseWait,
		Open: func(ctx context.Context) (messages.Opened, error) {
			st.opening = true
			defer func() { st.opening = false }()
			return s.runtime.Desk.Open(ctx, plan, st)
		},
	})
}

func (st *stream) plan() *caller.Plan {
	key := st.spec.Service
	if len(st.spec.Addresses) > 0 {
		key = strings.Join(st.spec.Addresses, ",")
	}
	return &caller.Plan{
		Service: st.spec.Service, Endpoint: "stream-" + strconv.Itoa(st.id), Key: key, Addresses: st.spec.Addresses,
		Timeout: st.spec.OpenTimeout, AttemptTimeout: st.spec.AttemptTimeout, Attempts: st.spec.Attempts,
		BackoffBase: time.Millisecond, BackoffCap: 10 * time.Millisecond,
		Stream: true, StreamTimeout: st.spec.Timeout,
	}
}

// Encode implements caller.Exchange.
func (*stream) Encode() (brief bool, err error) { return false, nil }

// Fill implements caller.Exchange.
func (st *stream) Fill(_ context.Context, m *transport.Message, n *messages.Node, _ time.Duration) error {
	st.sim.check.nodes[n] = struct{}{}
	m.Header.Add(headStream, strconv.Itoa(st.id))
	return nil
}

// ReplyError implements caller.Exchange.
func (*stream) ReplyError(_ *transport.Message, _ *messages.Node, told error) error { return told }

// Decode implements caller.Exchange.
func (*stream) Decode(*transport.Message) error { return nil }

// Retry implements caller.Exchange.
func (*stream) Retry(int, error) (messages.Wish, time.Duration, error) {
	return messages.NoWish, -1, nil
}

// Wrap implements caller.Exchange.
func (*stream) Wrap(*messages.Node, func(context.Context) error) error { return errApplication }

// Sent implements caller.Exchange.
func (*stream) Sent(bool) {}

// Keep implements caller.Exchange.
func (*stream) Keep() {}
