// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// nobody is a sink that fails the test when it is called.
type nobody struct{ t *testing.T }

func (n nobody) Reply(transport.Receiver, uint64, transport.Header, []byte, bool) {
	n.t.Error("got a reply to what was not sent")
}
func (n nobody) Failed(transport.Receiver, uint64, error) {
	n.t.Error("got the end of what was not sent")
}
func (n nobody) Item(*session.Stream, session.Item) {
	n.t.Error("got a message on what was not sent")
}
func (n nobody) Ended(*session.Stream, transport.Header) {
	n.t.Error("got the end of what was not sent")
}
func (n nobody) Broke(*session.Stream, error) { n.t.Error("got a reset of what was not sent") }
func (n nobody) Credited(*session.Stream)     {}

// Ids can be guessed. A frame for an exchange of which nothing was sent yet is not an
// answer; otherwise its request would be sent after it has ended.
func TestAnswerBeforeTheRequest(t *testing.T) {
	block := []byte{0, 0}
	for name, tc := range map[string]struct {
		stream  bool
		h       frame.Header
		payload []byte
	}{
		"message":           {false, frame.Header{Type: frame.Message, Flags: frame.FlagEnd}, block},
		"end":               {false, frame.Header{Type: frame.End, Flags: frame.FlagEnd}, block},
		"reset":             {false, frame.Header{Type: frame.Reset}, []byte{3, 0}},
		"message, stream":   {true, frame.Header{Type: frame.Message, Flags: frame.FlagStream}, block},
		"end of the stream": {true, frame.Header{Type: frame.End, Flags: frame.FlagEnd | frame.FlagStream}, block},
	} {
		t.Run(name, func(t *testing.T) {
			c := session.NewClient(session.Config{Own: simLimits, Peer: simLimits}, 10, func(session.Reset) error { return nil })
			var (
				st  session.Stream
				err error
			)
			if tc.stream {
				err = c.Open(nil, 0, &st)
			} else {
				_, err = c.Begin(&transport.Message{}, nil, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			h := tc.h
			h.ID, h.Length = 1<<32, uint32(len(tc.payload))
			if h.Type != frame.Reset {
				h.Head = uint16(len(tc.payload))
			}
			_, _, err = c.Feed(append(h.Append(nil), tc.payload...), 0, nobody{t})
			if _, broken := errors.AsType[*session.BrokenError](err); !broken {
				t.Errorf("got %v, want that the rules are broken", err)
			}
		})
	}
}
