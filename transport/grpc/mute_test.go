// SPDX-License-Identifier: Apache-2.0

package grpc_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"example.com/mailcall/internal/clock"
	"example.com/mailcall/transport"
	mailgrpc "example.com/mailcall/transport/grpc"
)

// shifted is the real clock, moved forward.
type shifted struct {
	clock.Clock

	by atomic.Int64
}

func (s *shifted) Now() clock.Instant { return s.Clock.Now().Add(time.Duration(s.by.Load())) }

// If a server becomes unreachable without the connection being closed, new exchanges
// use another connection. A slow server is not taken for that.
func TestMuteConnection(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer bool // a call between the two that are abandoned is answered
		lost   bool
	}{
		{"mute", false, true},
		{"slow", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address, _ := startStock(t, &service{entered: make(chan struct{}, 2), release: make(chan struct{})})
			tr, now := newTransport(t), &shifted{Clock: clock.Real()}
			mailgrpc.SetClock(tr, now)
			opened, err := tr.Dial(bound(t), address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = opened.Close() }()
			c := opened.(both)
			giveUp := func() {
				t.Helper()
				err := c.Exchange(bound(t), time.Now().Add(10*time.Millisecond), request(t, "EmptyCall", nil), &transport.Message{})
				wantIs(t, err, os.ErrDeadlineExceeded)
			}
			giveUp()
			if !c.Ready(0) {
				t.Error("got a connection that is not ready after one exchange that was given up")
			}
			if tc.answer {
				if err := c.Exchange(bound(t), time.Time{}, request(t, "UnaryCall", simple(1, 1)), &transport.Message{}); err != nil {
					t.Fatal(err)
				}
			}
			now.by.Add(int64(10 * time.Second))
			giveUp()
			if got := c.Ready(0); got == tc.lost {
				t.Errorf("got ready %t, want %t", got, !tc.lost)
			}
		})
	}
}

// The same for streams.
func TestMuteStream(t *testing.T) {
	tr, now := newTransport(t), &shifted{Clock: clock.Real()}
	mailgrpc.SetClock(tr, now)
	opened, err := tr.Dial(bound(t), handmade(t, (*peer).rest))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	c := opened.(both)
	for range 2 {
		if !c.Ready(0) {
			t.Error("got a connection that is not ready, want it to be ready until nothing has come for long")
		}
		now.by.Add(int64(10 * time.Second))
		s, err := c.Open(bound(t), time.Now().Add(10*time.Millisecond), request(t, "FullDuplexCall", nil))
		if err != nil {
			t.Fatal(err)
		}
		wantIs(t, s.Recv(&transport.Message{}), os.ErrDeadlineExceeded)
	}
	if c.Ready(0) {
		t.Error("got a connection that is ready, want it to be given up")
	}
}
