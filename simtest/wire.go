// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	"example.com/mailcall/transport"
)

// wire is a stream of a shared connection.
type wire struct {
	*channel
	bounds bounds
}

// Open implements transport.Streamer.
func (c sharedConn) Open(ctx context.Context, deadline time.Time, m *transport.Message) (transport.Stream, error) {
	s := c.server.world.sim
	n, err := strconv.Atoi(m.Header.Get(headStream))
	if err != nil || n >= len(s.streams) {
		s.violatef(StreamOrder, "a stream without a number was opened at %s", c.server.address)
		return nil, transport.NotSent(errReset)
	}
	w := &wire{bounds: bounds{ctx: ctx}}
	if !deadline.IsZero() {
		w.bounds.deadline = s.clock.Instant(deadline)
	}
	if err := w.bounds.halt(s.clock.now); err != nil {
		return nil, transport.NotSent(err)
	}
	if w.channel, err = c.openStream(s.streams[n]); err != nil {
		return nil, err
	}
	if err = w.linger(w.bounds); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// Send implements transport.Stream.
func (w *wire) Send(m *transport.Message) error {
	return w.send(frame{kind: frameData, body: slices.Clone(m.Body)}, w.bounds)
}

// CloseSend implements transport.Stream.
func (w *wire) CloseSend() error { return w.send(frame{kind: frameEnd}, w.bounds) }

// Recv implements transport.Stream.
func (w *wire) Recv(m *transport.Message) error {
	if w.over != nil {
		return w.over
	}
	f, err := w.recv(w.bounds)
	if err != nil {
		return err
	}
	switch f.kind {
	case frameData:
		*m = transport.Message{Body: f.body}
		return nil
	case frameFailure:
		w.over = transport.Answered(errApplication)
	default:
		w.over = io.EOF
	}
	return w.over
}

// Header implements transport.Stream.
func (*wire) Header() (transport.Header, error) { return nil, nil }

// Trailer implements transport.Stream.
func (*wire) Trailer() transport.Header { return nil }

// Close implements transport.Stream.
func (w *wire) Close() error {
	w.close()
	return nil
}
