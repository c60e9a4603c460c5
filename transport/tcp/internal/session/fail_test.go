// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// witness is a sink that keeps what becomes of exchanges, by their tokens, and of
// streams.
type witness struct {
	nobody

	failed map[uint64]error
	items  int
}

func (w *witness) Failed(_ transport.Receiver, token uint64, err error) { w.failed[token] = err }

func (w *witness) Item(*session.Stream, session.Item) { w.items++ }

func newClient() *session.Client {
	return session.NewClient(session.Config{Own: simLimits, Peer: simLimits}, 10, func(session.Reset) error { return nil })
}

// When a connection fails, only those exchanges may be begun elsewhere of which no byte
// was sent.
func TestProofOfAFailedConnection(t *testing.T) {
	begin := func() (c *session.Client, ends [3]uint64) {
		c = newClient()
		for token := range uint64(3) {
			if _, err := c.Begin(&transport.Message{Body: []byte("x")}, nil, token); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Take()
			ends[token] = c.Position()
		}
		return c, ends
	}
	lost := errors.New("connection lost")
	_, ends := begin()
	for _, tc := range []struct {
		name    string
		sent    uint64
		notSent [3]bool
	}{
		{"nothing was sent", 0, [3]bool{true, true, true}},
		{"the first byte was sent", 1, [3]bool{false, true, true}},
		{"the first was sent", ends[0], [3]bool{false, true, true}},
		{"and a byte of the second", ends[0] + 1, [3]bool{false, false, true}},
		{"all were sent", ends[2], [3]bool{false, false, false}},
	} {
		c, _ := begin()
		w := &witness{nobody: nobody{t}, failed: make(map[uint64]error)}
		c.Fail(lost, tc.sent, w)
		for token, want := range tc.notSent {
			if err := w.failed[uint64(token)]; !errors.Is(err, lost) || errors.Is(err, transport.ErrNotSent) != want {
				t.Errorf("%s: exchange %d: got %v, want %v, not sent: %t", tc.name, token, err, lost, want)
			}
		}
	}
}

// A stream whose last message says that it is the last has ended, and its slot is free,
// before anybody has read that message.
func TestStreamEndsWithItsLastMessage(t *testing.T) {
	c := newClient()
	for n := range 3 {
		st := new(session.Stream)
		if err := c.Open(nil, 0, st); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Take()
		block := []byte{0, 0}
		h := frame.Header{Type: frame.Message, Flags: frame.FlagStream | frame.FlagEnd, ID: st.ID, Length: 2, Head: 2}
		w := &witness{nobody: nobody{t}}
		if _, _, err := c.Feed(append(h.Append(nil), block...), 0, w); err != nil {
			t.Fatal(err)
		}
		if w.items != 1 || !st.Over() || c.Running() != 0 {
			t.Errorf("stream %d: got %d messages, over: %t, %d running, want 1, true and 0", n, w.items, st.Over(), c.Running())
		}
	}
}
