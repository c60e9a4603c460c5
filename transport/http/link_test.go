// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// A wait that is to end while the deadline of the socket is being set, which hides the
// deadline that was to end it, ends all the same.
func TestEndWhileADeadlineIsSet(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(l *link, cancel func())
		want error
	}{
		{"interrupted", func(l *link, _ func()) { l.interrupt() }, transport.ErrInterrupted},
		{"cancelled", func(_ *link, cancel func()) { cancel() }, context.Canceled},
		{"neither", func(*link, func()) {}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw, peer := net.Pipe()
			defer func() { _ = raw.Close() }()
			defer func() { _ = peer.Close() }()
			l := newLink(raw, new(watcher))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l.bind(ctx, time.Now().Add(time.Hour))
			s := &l.rd
			l.take(s)
			s.stop = func() bool { return true } // the wait lasts, and its context is watched
			s.deadline = func(time.Time) error {
				tc.end(l, cancel)
				return nil
			}
			if err := l.expired(s); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
