// SPDX-License-Identifier: Apache-2.0

package streamer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/messages"
	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
)

// late is a connStream whose stream ends, and is hung up, when a Send has begun.
type late struct {
	*connStream
	hangUp func()
}

func (l *late) Send(m *transport.Message) error {
	l.hangUp()
	return l.connStream.Send(m)
}

// What a Send says before which the stream has ended is how it ended, and not
// what a wire says that was hung up.
func TestSendRacesTheEnd(t *testing.T) {
	for _, c := range []struct {
		name      string
		end, want error
	}{
		{"the good end", io.EOF, io.EOF},
		{"a cancel", fmt.Errorf("the caller gave up: %w", context.Canceled), context.Canceled},
		{"a deadline", context.DeadlineExceeded, context.DeadlineExceeded},
		{"a broken wire", errBroken, errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire := &connStream{conn: new(messages.Conn), clock: clock.Real()}
			s := &Stream{
				desk: NewDesk(Config{Clock: clock.Real()}), ctx: t.Context(),
				opened: messages.Opened{Node: new(messages.Node)},
			}
			s.wire = &late{connStream: wire, hangUp: func() {
				s.end.Store(&c.end)
				if err := wire.Close(); err != nil {
					t.Error(err)
				}
			}}
			err := s.Send(new(transport.Message))
			if !errors.Is(err, c.want) || errors.Is(err, rpcerr.ErrInvalidArgument) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
