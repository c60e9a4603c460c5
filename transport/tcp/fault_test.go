// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/rpcerr"
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// A server's protocol error ends the connection with an error that describes it.
func TestBadServer(t *testing.T) {
	flood := func(r *raw, h frame.Header, payload []byte) {
		h.Length = uint32(len(payload))
		// In one write: budgets are refilled while a slow machine sends.
		_, _ = r.Write(bytes.Repeat(append(h.Append(nil), payload...), 20_000))
	}
	for name, tc := range map[string]struct {
		play func(r *raw, id uint64)
		want string
	}{
		"oversized length": {func(r *raw, id uint64) {
			_, _ = r.Write(frame.Header{Length: 1<<32 - 1, Type: frame.Message, ID: id}.Append(nil))
		}, "MESSAGE frame of 4294967295 bytes, the limit is 131072"},
		"head over length": {func(r *raw, id uint64) {
			_, _ = r.Write(frame.Header{Type: frame.Message, Head: 9, ID: id}.Append(nil))
		}, "head of 9 bytes in 0"},
		"unknown type":       {func(r *raw, id uint64) { r.write(frame.Header{Type: 99, ID: id}, nil, nil) }, "unknown type 99"},
		"open":               {func(r *raw, id uint64) { r.open(id, frame.FlagEnd, "") }, "OPEN from the side that answers"},
		"unknown block":      {func(r *raw, id uint64) { r.write(frame.Header{Type: frame.Message, ID: id}, []byte{9}, nil) }, "invalid header block"},
		"index out of table": {func(r *raw, id uint64) { r.write(frame.Header{Type: frame.Message, ID: id}, []byte{1, 64, 0}, nil) }, "invalid header block"},
		"no end":             {func(r *raw, id uint64) { r.write(frame.Header{Type: frame.Message, ID: id}, emptyBlock, nil) }, "more than one message"},
		"data alone":         {func(r *raw, id uint64) { r.write(frame.Header{Type: frame.Data, ID: id}, nil, []byte("x")) }, "DATA frame without a message"},
		"beyond the end": {func(r *raw, id uint64) {
			r.write(frame.Header{Type: frame.Message, Flags: frame.FlagMore, ID: id}, append([]byte{3}, emptyBlock...), []byte("ab"))
			r.write(frame.Header{Type: frame.Data, Flags: frame.FlagEnd, ID: id}, nil, []byte("cd"))
		}, "continues after its end"},
		"ends within a message": {func(r *raw, id uint64) {
			r.write(frame.Header{Type: frame.Message, Flags: frame.FlagMore, ID: id}, append([]byte{3}, emptyBlock...), []byte("ab"))
			r.write(frame.Header{Type: frame.End, Flags: frame.FlagEnd, ID: id}, emptyBlock, nil)
		}, "END within a message"},
		"no credit at all": {func(r *raw, _ uint64) { r.write(frame.Header{Type: frame.Credit}, nil, uvarints(0)) }, "CREDIT"},
		"too much credit":  {func(r *raw, _ uint64) { r.write(frame.Header{Type: frame.Credit}, nil, uvarints(1<<31-1)) }, "credit over"},
		"ping flood":       {func(r *raw, _ uint64) { flood(r, frame.Header{Type: frame.Ping}, make([]byte, 8)) }, "more than 32 pings"},
		"settings flood":   {func(r *raw, _ uint64) { flood(r, frame.Header{Type: frame.Settings}, uvarints(3, 7)) }, "more than 16 settings"},
		"goaway flood":     {func(r *raw, _ uint64) { flood(r, frame.Header{Type: frame.Goaway}, uvarints(1, 0)) }, "more than 8 goaways"},
		"reset flood":      {func(r *raw, _ uint64) { flood(r, frame.Header{Type: frame.Reset, ID: 77 << 32}, uvarints(1, 0)) }, "more than 10000 resets"},
		"growing goaway": {func(r *raw, _ uint64) {
			flood(r, frame.Header{Type: frame.Goaway}, uvarints(1, 0))
			flood(r, frame.Header{Type: frame.Goaway}, uvarints(2, 0))
		}, "goaway"},
		"setting too small": {func(r *raw, _ uint64) { r.write(frame.Header{Type: frame.Settings}, nil, uvarints(1, 1)) }, "setting 1 is 1, want 16384"},
	} {
		t.Run(name, func(t *testing.T) {
			address := rawServer(t, rawLimits, func(r *raw) {
				h, _, ok := r.read()
				if !ok {
					return
				}
				tc.play(r, h.ID)
				for ok {
					_, _, ok = r.read()
				}
			})
			c := dial(t, newTransport(t), address)
			box := make(mailbox, 1)
			if _, err := c.Begin(request(nil), box, 1); err != nil {
				t.Fatal(err)
			}
			err := box.next(t).err
			if !errors.Is(err, transport.ErrProtocol) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tc.want)) {
				t.Errorf("got %v, want ErrProtocol and %q", err, tc.want)
			}
			if errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got ErrNotSent in %v, but the request was sent", err)
			}
			if c.Ready(0) {
				t.Error("got Ready, want a connection of no further use")
			}
		})
	}
}

// A client's protocol error ends the connection with a code.
func TestBadClient(t *testing.T) {
	const stream = frame.FlagStream
	for name, tc := range map[string]struct {
		play func(r *raw)
		want session.Code
	}{
		"oversized length": {func(r *raw) { _, _ = r.Write(frame.Header{Length: 1 << 31, Type: frame.Open, ID: 1 << 32}.Append(nil)) }, session.CodeProtocol},
		"unknown type":     {func(r *raw) { r.write(frame.Header{Type: 50}, nil, nil) }, session.CodeProtocol},
		"gibberish":        {func(r *raw) { _, _ = r.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) }, session.CodeProtocol},
		"id twice":         {func(r *raw) { r.open(1<<32, stream, ""); r.open(1<<32, stream, "") }, session.CodeProtocol},
		"slot twice":       {func(r *raw) { r.open(1<<32, stream, ""); r.open(2<<32, stream, "") }, session.CodeProtocol},
		"slot too high":    {func(r *raw) { r.open(1<<32|1<<20, stream, "") }, session.CodeProtocol},
		"no generation":    {func(r *raw) { r.open(1, stream, "") }, session.CodeProtocol},
		"stream with body": {func(r *raw) { r.open(1<<32, stream, "x") }, session.CodeProtocol},
		"after the end": {func(r *raw) {
			r.open(1<<32, stream, "")
			r.write(frame.Header{Type: frame.End, Flags: frame.FlagEnd | stream, ID: 1 << 32}, emptyBlock, nil)
			r.write(frame.Header{Type: frame.Message, Flags: stream, ID: 1 << 32}, emptyBlock, nil)
		}, session.CodeProtocol},
		"over its credit": {func(r *raw) {
			r.open(1<<32, stream, "")
			for range 5 {
				r.write(frame.Header{Type: frame.Message, Flags: stream, ID: 1 << 32}, emptyBlock, make([]byte, 100<<10))
			}
		}, session.CodeProtocol},
		"goaway without a code": {func(r *raw) { r.write(frame.Header{Type: frame.Goaway}, nil, uvarints(0)) }, session.CodeProtocol},
		"goaway with a long reason": {func(r *raw) {
			r.write(frame.Header{Type: frame.Goaway}, nil, append(uvarints(0, 0), make([]byte, 513)...))
		}, session.CodeProtocol},
		"ping flood": {func(r *raw) {
			for range 100 {
				r.write(frame.Header{Type: frame.Ping}, nil, make([]byte, 8))
			}
		}, session.CodeFlood},
		"reset flood": {func(r *raw) {
			var resets []byte
			for n := range uint64(11_000) {
				h := frame.Header{Type: frame.Reset, ID: n << 32, Length: 2}
				resets = append(h.Append(resets), uvarints(1, 0)...)
			}
			_, _ = r.Write(resets) // at once: the budget is refilled while a slow machine sends
		}, session.CodeFlood},
	} {
		t.Run(name, func(t *testing.T) {
			block := make(chan struct{})
			defer close(block)
			address := listen(t, newTransport(t), func(transport.Incoming) { <-block })
			r := rawClient(t, address, rawLimits)
			go tc.play(r)
			got, err := r.goaway()
			if err != nil || session.Code(got) != tc.want {
				t.Errorf("got %s, %v, want %s", session.Code(got), err, tc.want)
			}
		})
	}
}

// Unknown and late frames are dropped, and the connection remains usable.
func TestDropped(t *testing.T) {
	address := rawServer(t, rawLimits, func(r *raw) {
		for {
			h, _, ok := r.read()
			if !ok {
				return
			}
			if h.Type != frame.Open {
				continue
			}
			r.write(frame.Header{Type: frame.Ignorable | 7, ID: 3}, nil, []byte("whatever"))
			r.reply(h.ID+1<<32, "wrong generation")
			r.reply(h.ID+5, "wrong slot")
			r.write(frame.Header{Type: frame.Reset, ID: h.ID + 5}, nil, uvarints(3, 0))
			r.write(frame.Header{Type: frame.Credit, ID: h.ID + 5}, nil, uvarints(3))
			r.write(frame.Header{Type: frame.End, Flags: frame.FlagEnd, ID: h.ID + 5}, emptyBlock, nil)
			r.write(frame.Header{Type: frame.Pong}, nil, make([]byte, 8))
			r.reply(h.ID, "right")
			r.reply(h.ID, "once more")
		}
	})
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 10)
	for range 3 {
		if _, err := c.Begin(request(nil), box, 1); err != nil {
			t.Fatal(err)
		}
		if d := box.next(t); d.err != nil || string(d.m.Body) != "right" {
			t.Fatalf("got %q, %v, want right", d.m.Body, d.err)
		}
	}
	if len(box) != 0 {
		t.Errorf("got %d deliveries more", len(box))
	}
}

func TestGoaway(t *testing.T) {
	address := rawServer(t, rawLimits, func(r *raw) {
		first, _, _ := r.read()
		second, _, ok := r.read()
		if !ok {
			return
		}
		if first.ID == second.ID {
			r.t.Error("two exchanges with one id")
		}
		r.write(frame.Header{Type: frame.Goaway}, nil, append(uvarints(1, 0), "update"...))
		r.reply(first.ID, "the last one")
		for ok {
			_, _, ok = r.read()
		}
	})
	c := dial(t, newTransport(t), address)
	box, lost := make(mailbox, 1), make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Begin(request(nil), lost, 2); err != nil {
		t.Fatal(err)
	}
	if d := lost.next(t); !errors.Is(d.err, transport.ErrNotSent) || !strings.HasSuffix(d.err.Error(), "shutting down: update") {
		t.Errorf("got %v, want ErrNotSent and the reason", d.err)
	}
	if d := box.next(t); d.err != nil || string(d.m.Body) != "the last one" {
		t.Errorf("got %q, %v, want the last one", d.m.Body, d.err)
	}
	if c.Ready(0) {
		t.Error("got Ready after GOAWAY")
	}
	if _, err := c.Begin(request(nil), box, 1); !errors.Is(err, transport.ErrFull) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrFull and ErrNotSent", err)
	}
	if running, begun := c.Load(); running != 0 || begun != 2 {
		t.Errorf("got %d running, %d begun, want 0 and 2", running, begun)
	}
}

func TestRefusal(t *testing.T) {
	for code, wants := range map[tcp.Code][]error{
		tcp.Overloaded:       {transport.ErrNotSent, rpcerr.ErrOverloaded},
		tcp.ShuttingDown:     {transport.ErrNotSent},
		tcp.Unsupported:      {transport.ErrNotSent},
		tcp.TooLarge:         {transport.ErrTooLarge},
		tcp.Internal:         {transport.ErrAnswered},
		tcp.Cancelled:        {transport.ErrAnswered},
		tcp.DeadlineExceeded: {transport.ErrAnswered, context.DeadlineExceeded},
	} {
		if code == tcp.DeadlineExceeded {
			wants = wants[:1]
		}
		address := listen(t, newTransport(t), func(x transport.Incoming) {
			x.(tcp.Refuser).Refuse(code, 1500*time.Millisecond, "no")
		})
		c := dial(t, newTransport(t), address)
		box := make(mailbox, 1)
		if _, err := c.Begin(request(nil), box, 1); err != nil {
			t.Fatal(err)
		}
		err := box.next(t).err
		for _, want := range wants {
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want it to match %v", code, err, want)
			}
		}
		var reset *tcp.ResetError
		if !errors.As(err, &reset) || reset.Code != code || reset.RetryAfter != 1500*time.Millisecond || reset.Reason != "no" {
			t.Errorf("%s: got %+v", code, reset)
		}
		s, err := c.Open(t.Context(), time.Time{}, request(nil))
		if err != nil {
			t.Fatal(err)
		}
		var m transport.Message
		if err := s.Recv(&m); !errors.As(err, &reset) || reset.Code != code {
			t.Errorf("%s: got %v from a stream", code, err)
		}
	}
}

// A client does not begin more exchanges than the server accepts; one that the server
// refuses nevertheless was not executed.
func TestFull(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	server := newTransport(t, tcp.WithMaxExchanges(2), tcp.WithRetryAfter(time.Second))
	address := listen(t, server, func(x transport.Incoming) { <-block; _ = x.End(nil) })
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 3)
	for n := range 3 {
		_, err := c.Begin(request(nil), box, 1)
		if full := errors.Is(err, transport.ErrFull) && errors.Is(err, transport.ErrNotSent); full != (n == 2) {
			t.Errorf("exchange %d: got %v", n, err)
		}
	}
}

func TestNeverReads(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	address := rawServer(t, rawLimits, func(*raw) { <-block })
	c := dial(t, newTransport(t, tcp.WithMaxQueue(1<<20), tcp.WithWriteTimeout(300*time.Millisecond)), address)
	box := make(mailbox, 100)
	body := make([]byte, 256<<10)
	begun := 0
	var err error
	for begun < 100 {
		if _, err = c.Begin(request(body), box, 1); err != nil {
			break
		}
		begun++
	}
	if !errors.Is(err, tcp.ErrQueue) || !errors.Is(err, transport.ErrFull) {
		t.Errorf("got %v after %d exchanges, want ErrQueue", err, begun)
	}
	notSent := 0
	for range begun {
		d := box.next(t)
		if d.err == nil || !strings.Contains(d.err.Error(), "has not read") {
			t.Fatalf("got %v, want that the peer does not read", d.err)
		}
		if errors.Is(d.err, transport.ErrNotSent) {
			notSent++
		}
	}
	if notSent == 0 || notSent == begun {
		t.Errorf("got %d of %d that were not sent, want some", notSent, begun)
	}
}

func TestSilentPeer(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	address := rawServer(t, rawLimits, func(*raw) { <-block })
	c := dial(t, newTransport(t, tcp.WithPing(50*time.Millisecond)), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); d.err == nil || !strings.Contains(d.err.Error(), "ping") {
		t.Errorf("got %v, want that the ping was not answered", d.err)
	}
}

// A peer that answers pings may take long for its reply.
func TestPingAnswered(t *testing.T) {
	address := listen(t, newTransport(t, tcp.WithPing(20*time.Millisecond)), func(x transport.Incoming) {
		<-time.After(300 * time.Millisecond)
		_ = x.End(request([]byte("late")))
	})
	c := dial(t, newTransport(t, tcp.WithPing(20*time.Millisecond)), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); d.err != nil || string(d.m.Body) != "late" {
		t.Errorf("got %q, %v, want late", d.m.Body, d.err)
	}
}

func TestLost(t *testing.T) {
	address := rawServer(t, rawLimits, func(r *raw) { _, _, _ = r.read() })
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	d := box.next(t)
	if !errors.Is(d.err, io.ErrUnexpectedEOF) || errors.Is(d.err, transport.ErrNotSent) {
		t.Errorf("got %v, want an unexpected end, and nothing about not sent", d.err)
	}
	if _, err := c.Begin(request(nil), box, 1); !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent", err)
	}
}

func TestCloseEndsAll(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	address := listen(t, newTransport(t), func(transport.Incoming) { <-block })
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	s, err := c.Open(t.Context(), time.Time{}, request(nil))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Close(), c.Close()
	if d := box.next(t); d.err == nil {
		t.Error("got no error")
	}
	var m transport.Message
	if err := s.Recv(&m); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v from a stream, want an error", err)
	}
	if err := s.Send(&m); err == nil {
		t.Error("got no error from Send on a stream")
	}
}

func TestSlowGreeting(t *testing.T) {
	over := newTransport(t)
	address := listen(t, over, func(x transport.Incoming) { _ = x.End(request([]byte("here"))) })
	for range 5 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	c := dial(t, over, address)
	if err := c.Send(request(nil)); err != nil {
		t.Fatal(err)
	}
	var m transport.Message
	if err := c.Recv(&m); err != nil || string(m.Body) != "here" {
		t.Errorf("got %q, %v", m.Body, err)
	}
}
