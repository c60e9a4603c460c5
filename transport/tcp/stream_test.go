// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// echoStream echoes what it receives, and ends after the client has ended its direction.
func echoStream(x transport.Incoming) {
	var m transport.Message
	for {
		if err := x.Recv(&m); err != nil {
			_ = x.End(nil)
			return
		}
		if err := x.Send(&m); err != nil {
			return
		}
	}
}

func open(t testing.TB, c async) transport.Stream {
	t.Helper()
	s, err := c.Open(t.Context(), time.Now().Add(patience), request(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStream(t *testing.T) {
	for name, address := range map[string]string{
		"accepted": listen(t, newTransport(t), echoStream),
		"served":   serve(t, tcp.ServerConfig{Handler: echo, Inline: true, Streams: echoStream}),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newTransport(t), address)
			s := open(t, c)
			var m transport.Message
			for _, size := range []int{0, 1, 1000, 100 << 10, 300 << 10, 4 << 20} {
				body := bytes.Repeat([]byte{7}, size)
				if err := s.Send(&transport.Message{Header: replyHeader, Body: body}); err != nil {
					t.Fatal(err)
				}
				if err := s.Recv(&m); err != nil || !bytes.Equal(m.Body, body) || m.Header.Get("Content-Type") == "" {
					t.Fatalf("size %d: got %d bytes, header %v, %v", size, len(m.Body), m.Header, err)
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.Recv(&m); !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want io.EOF", err)
				}
			}
			if err := s.Send(&m); !errors.Is(err, io.EOF) {
				t.Errorf("got %v from Send after the end, want io.EOF", err)
			}
			if running, _ := c.Load(); running != 0 {
				t.Errorf("got %d running, want 0", running)
			}
		})
	}
}

// Both directions at once, on many streams and between unary calls.
func TestStreamsTogether(t *testing.T) {
	address := listen(t, newTransport(t), echoStream)
	c := dial(t, newTransport(t), address)
	var wg sync.WaitGroup
	for n := range 20 {
		s := open(t, c)
		const messages = 200
		wg.Go(func() {
			for i := range messages {
				if err := s.Send(&transport.Message{Body: fmt.Appendf(nil, "%d %d %s", n, i, bytes.Repeat([]byte("x"), i*n))}); err != nil {
					t.Error(err)
					return
				}
			}
			if err := s.CloseSend(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			var m transport.Message
			for i := range messages {
				want := fmt.Appendf(nil, "%d %d %s", n, i, bytes.Repeat([]byte("x"), i*n))
				if err := s.Recv(&m); err != nil || !bytes.Equal(m.Body, want) {
					t.Errorf("stream %d: got %.20q, %v, want %.20q", n, m.Body, err, want)
					return
				}
			}
			if err := s.Recv(&m); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want io.EOF", err)
			}
		})
	}
	wg.Wait()
}

func TestLastMessage(t *testing.T) {
	address := listen(t, newTransport(t), func(x transport.Incoming) {
		_ = x.End(&transport.Message{Header: transport.Header{{Name: "Micro-Error", Value: "oh no"}}, Body: []byte("why")})
	})
	s := open(t, dial(t, newTransport(t), address))
	var m transport.Message
	if err := s.Recv(&m); err != nil || m.Header.Get("Micro-Error") != "oh no" || string(m.Body) != "why" {
		t.Errorf("got %v %q, %v", m.Header, m.Body, err)
	}
	if err := s.Recv(&m); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
}

// A stream that is not read takes the memory of a window, not more.
func TestSlowReader(t *testing.T) {
	sent := make(chan int, 1)
	address := listen(t, newTransport(t), func(x transport.Incoming) {
		n := 0
		defer func() { sent <- n }()
		for body := make([]byte, 8<<10); n < 2000; n++ {
			if err := x.Send(&transport.Message{Body: body}); err != nil {
				return
			}
		}
	})
	c := dial(t, newTransport(t, tcp.WithWindow(64<<10)), address)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s, err := c.Open(ctx, time.Time{}, request(nil))
	if err != nil {
		t.Fatal(err)
	}
	if n := <-sent; n > 64<<10/(8<<10) {
		t.Errorf("got %d messages of 8 KiB out to one who does not read, want what fits in a window of 64 KiB", n)
	}
	var m transport.Message
	if err := s.Recv(&m); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that the deadline has passed", err)
	}
}

// Unread streams use up the window of the connection. That blocks the other streams, until
// one of them is ended, but no call.
func TestUnreadStreamsHoldUpStreams(t *testing.T) {
	const body = 8 << 10
	sent := make(chan struct{}, 100)
	address := serve(t, tcp.ServerConfig{Handler: echo, Inline: true, Streams: func(x transport.Incoming) {
		for x.Send(&transport.Message{Body: make([]byte, body)}) == nil {
			sent <- struct{}{}
		}
	}})
	c := dial(t, newTransport(t, tcp.WithWindow(64<<10), tcp.WithConnWindow(64<<10)), address)
	unread := open(t, c)
	for range 64<<10/body - 1 { // messages have headers, too
		<-sent
	}
	other := open(t, c)
	box := make(mailbox, 1)
	if _, err := c.Begin(request([]byte("a call")), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); string(d.m.Body) != "a call" {
		t.Errorf("got %q, %v, want the call to go on", d.m.Body, d.err)
	}
	if n := len(sent); n > 0 {
		t.Errorf("got %d messages more, want none over the window of the connection", n)
	}
	if err := unread.Close(); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := other.Recv(&m); err != nil || len(m.Body) != body {
		t.Errorf("got %d bytes and %v, want a message once an unread stream has ended", len(m.Body), err)
	}
}

// If no credit is granted, Send ends at its deadline, and nothing else is affected.
func TestWindowNeverOpens(t *testing.T) {
	limits := rawLimits
	limits.Window = frame.MinFrame
	address := rawServer(t, limits, func(r *raw) {
		for {
			h, _, ok := r.read()
			if !ok {
				return
			}
			if h.Type == frame.Open && !h.Has(frame.FlagStream) {
				r.reply(h.ID, "unaffected")
			}
		}
	})
	c := dial(t, newTransport(t), address)
	s, err := c.Open(t.Context(), time.Now().Add(200*time.Millisecond), request(nil))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil; n++ {
		if err = s.Send(&transport.Message{Body: make([]byte, 1<<10)}); err == nil && n > 16 {
			t.Fatal("sent more than the window")
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want os.ErrDeadlineExceeded", err)
	}
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); string(d.m.Body) != "unaffected" {
		t.Errorf("got %q, %v, want unaffected", d.m.Body, d.err)
	}
}

func TestCancelReachesServer(t *testing.T) {
	seen := make(chan error, 3)
	begun := make(chan struct{}, 3)
	address := listen(t, newTransport(t), func(x transport.Incoming) {
		begun <- struct{}{}
		<-x.Context().Done()
		if !x.Unary() {
			var m transport.Message
			seen <- x.Recv(&m)
			return
		}
		seen <- x.End(request(nil))
	})
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 1)
	id, err := c.Begin(request(nil), box, 1)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	c.Cancel(id)
	c.Cancel(id)
	if err := <-seen; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v at the server, want that the client has given up", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.Open(ctx, time.Time{}, request(nil))
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if err := <-seen; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v from a stream at the server, want that the client has given up", err)
	}
	var m transport.Message
	if err := s.Recv(&m); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s = open(t, c)
	<-begun
	_ = s.Close()
	<-seen
	if len(box) != 0 {
		t.Error("got a delivery for an exchange that was cancelled")
	}
	if running, _ := c.Load(); running != 0 {
		t.Errorf("got %d running, want 0", running)
	}
}

func TestDeadlineTravels(t *testing.T) {
	left := make(chan time.Duration, 2)
	address := listen(t, newTransport(t), func(x transport.Incoming) {
		at, _ := x.Context().Deadline()
		left <- time.Until(at)
		_ = x.End(nil)
	})
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d <= 0 || d > 5*time.Second {
		t.Errorf("got %s left, want at most the 5s of the header", d)
	}
	if d := box.next(t); !errors.Is(d.err, transport.ErrAnswered) {
		t.Errorf("got %v for an end without an answer, want ErrAnswered", d.err)
	}
	s, err := c.Open(t.Context(), time.Now().Add(3*time.Second), request(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if d := <-left; d <= 0 || d > 3*time.Second {
		t.Errorf("got %s left of a stream, want at most its 3s", d)
	}
}

func TestStreamsRefused(t *testing.T) {
	address := serve(t, tcp.ServerConfig{Handler: echo})
	s := open(t, dial(t, newTransport(t), address))
	var m transport.Message
	if err := s.Recv(&m); !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent", err)
	}
}

// A receiver that does not return its loans does not keep a chunk for every few bytes.
func TestLoansAreBounded(t *testing.T) {
	address := serve(t, tcp.ServerConfig{Handler: echo, Inline: true})
	c := dial(t, newTransport(t), address)
	var k keeper
	k.come = make(chan struct{}, 1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const calls = 4000
	for range calls {
		if _, err := c.Begin(request(make([]byte, 4<<10)), &k, 1); err != nil {
			t.Fatal(err)
		}
		<-k.come
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if k.lent == 0 || k.lent == calls {
		t.Errorf("got %d loans of %d, want some", k.lent, calls)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("got %d bytes held, want the chunks that may be on loan, 4 MiB", grown)
	}
	for _, loan := range k.loans {
		loan.Return()
	}
}

// keeper does not return its loans.
type keeper struct {
	come  chan struct{}
	loans []transport.Loan
	lent  int
}

func (k *keeper) Deliver(_ uint64, _ *transport.Message, loan transport.Loan, _ error) {
	if loan != nil {
		k.loans = append(k.loans, loan)
		k.lent++
	}
	k.come <- struct{}{}
}

// A message that is longer than a stream may queue at once is sent to its end, even if the
// peer grants no credit meanwhile.
func TestStreamMessageLongerThanTheQueue(t *testing.T) {
	const frames = 16 << 10
	address := listen(t, newTransport(t, tcp.WithMaxFrame(frames), tcp.WithWindow(1<<20)), echoStream)
	c := dial(t, newTransport(t, tcp.WithMaxQueue(64<<10)), address) // an eighth is less than a frame
	s := open(t, c)
	body := bytes.Repeat([]byte{7}, 5*frames)
	if err := s.Send(&transport.Message{Body: body}); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := s.Recv(&m); err != nil || !bytes.Equal(m.Body, body) {
		t.Errorf("got %d bytes, %v, want %d", len(m.Body), err, len(body))
	}
}
