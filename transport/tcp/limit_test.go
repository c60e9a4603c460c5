// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// A slot with an open exchange must not be used again, also if there is no other one.
func TestSlotTwiceAtTheLimit(t *testing.T) {
	for name, flags := range map[string]frame.Flags{"whole": frame.FlagEnd, "in pieces": frame.FlagMore, "stream": frame.FlagStream} {
		t.Run(name, func(t *testing.T) {
			block := make(chan struct{})
			defer close(block)
			address := listen(t, newTransport(t, tcp.WithMaxExchanges(1)), func(transport.Incoming) { <-block })
			r := rawClient(t, address, rawLimits)
			head := append([]byte{0}, emptyBlock...)
			if flags == frame.FlagMore {
				head = append([]byte{0, 9}, emptyBlock...)
			}
			for generation := range uint64(2) {
				r.write(frame.Header{Type: frame.Open, Flags: flags, ID: (generation + 1) << 32}, head, nil)
			}
			if got, err := r.goaway(); err != nil || session.Code(got) != session.CodeProtocol {
				t.Errorf("got %s, %v, want %s", session.Code(got), err, session.CodeProtocol)
			}
		})
	}
}

// A message whose announced length is over the limit ends only its exchange, however large
// the number is.
func TestAnnouncedLength(t *testing.T) {
	for _, total := range []uint64{tcp.DefaultMaxMessage + 1, 1<<30 + 1, 1<<64 - 1} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			r := rawClient(t, listen(t, newTransport(t), func(x transport.Incoming) { _ = x.End(nil) }), rawLimits)
			head := append(append([]byte{0}, uvarints(total)...), emptyBlock...)
			r.write(frame.Header{Type: frame.Open, Flags: frame.FlagMore, ID: 1 << 32}, head, []byte("x"))
			h, payload, _ := r.read()
			if h.Type != frame.Reset || h.ID != 1<<32 || !bytes.HasPrefix(payload, uvarints(uint64(tcp.TooLarge))) {
				t.Errorf("server: got %s %q, want RESET 5", h.Type, payload)
			}
			r.write(frame.Header{Type: frame.Data, Flags: frame.FlagEnd, ID: 1 << 32}, nil, []byte("y"))
			r.open(2<<32, frame.FlagEnd, "")
			if h, _, _ = r.read(); h.Type != frame.End {
				t.Errorf("server: got %s, want END for the next exchange", h.Type)
			}

			done := make(chan struct{})
			c := dial(t, newTransport(t), rawServer(t, rawLimits, func(r *raw) {
				defer close(done)
				h, _, _ := r.read()
				r.write(frame.Header{Type: frame.Message, Flags: frame.FlagMore, ID: h.ID}, append(uvarints(total), emptyBlock...), []byte("x"))
				if h, payload, _ := r.read(); h.Type != frame.Reset || !bytes.HasPrefix(payload, uvarints(uint64(tcp.TooLarge))) {
					r.t.Errorf("client: got %s %q, want RESET 5", h.Type, payload)
				}
			}))
			box := make(mailbox, 1)
			if _, err := c.Begin(request(nil), box, 1); err != nil {
				t.Fatal(err)
			}
			if err := box.next(t).err; !errors.Is(err, transport.ErrTooLarge) || !strings.Contains(err.Error(), "the limit is 4194304") {
				t.Errorf("client: got %v, want ErrTooLarge and the limit", err)
			}
			<-done
		})
	}
}

// A stream that was executed in part is not refused with a code that says the opposite, also
// if too many large messages are incomplete.
func TestLargeMessagesAtOnce(t *testing.T) {
	received := make(chan struct{}, 1)
	address := listen(t, newTransport(t, tcp.WithMaxMessage(64<<20)), func(x transport.Incoming) {
		var m transport.Message
		for x.Recv(&m) == nil {
			received <- struct{}{}
		}
	})
	r := rawClient(t, address, rawLimits)
	message := func(id uint64, total uint64) {
		h := frame.Header{Type: frame.Message, Flags: frame.FlagStream, ID: id}
		if total == 1 {
			r.write(h, emptyBlock, []byte("x"))
			return
		}
		h.Flags |= frame.FlagMore
		r.write(h, append(uvarints(total), emptyBlock...), []byte("x"))
	}
	const busy, other = 1<<32 | 1, 1<<32 | 2
	r.open(busy, frame.FlagStream, "")
	message(busy, 1)
	<-received
	r.open(other, frame.FlagStream, "")
	message(other, 64<<20)
	message(busy, 1<<20)
	h, payload, _ := r.read()
	if s := frame.From(payload); h.Type != frame.Reset || h.ID != busy || tcp.Code(s.Uint()) != tcp.TooLarge {
		t.Errorf("got %s %q for %#x, want RESET 5 of the stream that was executed in part", h.Type, payload, h.ID)
	}
}

// A server that accepts no exchanges for a time is called on another connection, and the
// exchange that runs continues.
func TestNoExchangesForATime(t *testing.T) {
	address := rawServer(t, rawLimits, func(r *raw) {
		h, _, _ := r.read()
		r.write(frame.Header{Type: frame.Settings}, nil, uvarints(3, 0))
		r.reply(h.ID, "the last one")
		_, _, _ = r.read()
	})
	c := dial(t, newTransport(t), address)
	box := make(mailbox, 1)
	if _, err := c.Begin(request(nil), box, 1); err != nil {
		t.Fatal(err)
	}
	if d := box.next(t); d.err != nil || string(d.m.Body) != "the last one" {
		t.Errorf("got %q, %v, want the answer", d.m.Body, d.err)
	}
	if _, err := c.Begin(request(nil), box, 2); c.Ready(0) || !errors.Is(err, transport.ErrFull) || !errors.Is(err, transport.ErrNotSent) {
		t.Errorf("got ready %t and %v, want another connection to be used", c.Ready(0), err)
	}
}
