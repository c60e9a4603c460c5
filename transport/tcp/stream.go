// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/session"
)

// stream is the client's end of a stream.
type stream struct {
	flow
	conn *conn
	stop func() bool // ends the context.AfterFunc that calls expire
}

// Open implements [transport.Streamer].
func (c *conn) Open(ctx context.Context, deadline time.Time, m *transport.Message) (transport.Stream, error) {
	s := &stream{conn: c}
	var timeout uint64
	if deadline.IsZero() {
		ctx, s.cancel = context.WithCancel(ctx)
	} else {
		timeout = uint64(max(time.Until(deadline), 1))
		ctx, s.cancel = context.WithDeadline(ctx, deadline)
	}
	s.init(ctx, &c.line)
	if err := ctx.Err(); err != nil {
		s.cancel()
		return nil, transport.NotSent(s.expired())
	}
	c.mu.Lock()
	c.stale() // if so, refuse returns an error
	err := c.refuse()
	if err == nil {
		if err = c.core.Open(m.Header, timeout, &s.st); err != nil {
			err = c.unsendable(err)
		}
	}
	if err != nil {
		c.mu.Unlock()
		s.cancel()
		return nil, err
	}
	c.appoint(false)
	c.unlockAndFlush()
	s.stop = context.AfterFunc(ctx, s.expire)
	return s, nil
}

// Send implements [transport.Stream].
func (s *stream) Send(m *transport.Message) error { return s.send(m, false) }

// Recv implements [transport.Stream].
func (s *stream) Recv(m *transport.Message) error {
	err := s.recv(m)
	if err != nil {
		s.stop()
		s.cancel()
	}
	return err
}

// CloseSend implements [transport.Stream].
func (s *stream) CloseSend() error {
	c := s.conn
	c.mu.Lock()
	if err := s.broken; err != nil {
		c.mu.Unlock()
		return err
	}
	err := c.core.CloseSend(&s.st)
	c.unlockAndFlush()
	if err != nil {
		return fmt.Errorf("tcp transport: %s: %w", c.address, err)
	}
	return nil
}

// Header implements [transport.Stream]: this protocol has none.
func (*stream) Header() (transport.Header, error) { return nil, nil }

// Trailer implements [transport.Stream].
func (s *stream) Trailer() transport.Header {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.trailer
}

// expire ends the stream when its context has ended.
func (s *stream) expire() {
	err := s.expired()
	code := session.CodeCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		code = session.CodeDeadline
	}
	s.end(err, code)
}

// Close implements [transport.Stream].
func (s *stream) Close() error {
	s.stop()
	s.end(fmt.Errorf("tcp transport: %s: %w", s.conn.address, errEnded), session.CodeCancelled)
	s.cancel()
	return nil
}

func (s *stream) end(err error, code session.Code) {
	c := s.conn
	c.mu.Lock()
	if !s.st.Over() {
		c.core.Cancel(s.st.ID, code)
	}
	if !s.ended || s.broken == nil {
		s.breakOff(err)
	}
	c.unlockAndFlush()
}
