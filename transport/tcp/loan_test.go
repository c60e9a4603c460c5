// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/mailcall/transport"
)

// loaned is both ends of a connection with our protocol, whose exchanges are passed to
// serve.
func loaned(t *testing.T, serve func(*incoming)) (*conn, *peer) {
	t.Helper()
	server, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	peers := make(chan *peer, 1)
	go func() {
		accepted, err := ln.Accept()
		if err != nil {
			return
		}
		p, _ := accepted.(*peer)
		peers <- p
		for {
			x, err := p.next()
			if err != nil {
				return
			}
			serve(x)
		}
	}()
	client, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	dialled, err := client.Dial(ctx, ln.Address())
	if err != nil {
		t.Fatal(err)
	}
	c, _ := dialled.(*conn)
	p := <-peers
	t.Cleanup(func() {
		_ = c.Close()
		_ = p.Close()
	})
	return c, p
}

// fillers is how many messages of quarter bytes fill more chunks than may be on loan.
const (
	quarter = 15 << 10
	fillers = 4 * lentChunks
)

// The loans of a stream are returned when it is closed, even if its user does not receive
// all messages: otherwise a long-lived connection would run out of loans.
func TestClosedStreamsKeepNoLoan(t *testing.T) {
	c, p := loaned(t, func(x *incoming) {
		var m transport.Message
		if err := x.Recv(&m); err == nil {
			_ = x.Send(&m)
			_ = x.Send(&transport.Message{Body: []byte("nobody reads this")})
		}
		_ = x.End(nil)
	})
	for range fillers {
		s, err := c.Open(t.Context(), time.Time{}, &transport.Message{})
		if err != nil {
			t.Fatal(err)
		}
		m := transport.Message{Body: make([]byte, quarter)}
		if err := errors.Join(s.Send(&m), s.CloseSend(), s.Recv(&m), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.in.out.Load(); n > 1 {
		t.Errorf("got %d chunks on loan at the client, no stream is open", n)
	}
	if n := p.in.out.Load(); n > 1 {
		t.Errorf("got %d chunks on loan at the server, no stream is open", n)
	}
}

// The same holds for requests that are answered after they were cancelled.
func TestCancelledCallsKeepNoLoan(t *testing.T) {
	done := make(chan struct{})
	c, p := loaned(t, func(x *incoming) {
		var m transport.Message
		_ = x.Recv(&m)
		<-x.Context().Done()
		if err := x.End(&m); err == nil {
			t.Error("got an answer out to a call that was given up")
		}
		done <- struct{}{}
	})
	for range fillers {
		id, err := c.Begin(&transport.Message{Body: make([]byte, quarter)}, &c.solo, 0)
		if err != nil {
			t.Fatal(err)
		}
		c.Cancel(id)
		<-done
	}
	if n := p.in.out.Load(); n > 1 {
		t.Errorf("got %d chunks on loan, no call runs", n)
	}
}

// A chunk that is not read into any more counts as long as a message in it is in use, and
// no longer: otherwise all messages of the connection would be copied in the end.
func TestChunksOnLoan(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before int // how many of three loans are returned before the chunk is retired
		out    int64
	}{
		{"all are returned later", 0, 1},
		{"some are returned later", 2, 1},
		{"none is returned later", 3, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := &intake{shelf: new(shelf)}
			in.room()
			var loans []transport.Loan
			for range 3 {
				loans = append(loans, in.lend())
			}
			for _, l := range loans[:tc.before] {
				l.Return()
			}
			in.retire()
			if got := in.out.Load(); got != tc.out {
				t.Errorf("got %d chunks on loan, want %d", got, tc.out)
			}
			for _, l := range loans[tc.before:] {
				l.Return()
			}
			if got := in.out.Load(); got != 0 || len(in.shelf.small) != 1 {
				t.Errorf("got %d chunks on loan and %d free in the end, want 0 and 1", got, len(in.shelf.small))
			}
		})
	}
}
