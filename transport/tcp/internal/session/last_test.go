// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/session"
)

// opener is a sink that makes a stream for each exchange.
type opener struct {
	nobody

	opened []*session.Stream
}

func (o *opener) Opened(*session.Opening) *session.Stream {
	st := new(session.Stream)
	o.opened = append(o.opened, st)
	return st
}

// The last message of a stream ends it for the client, which may reuse the slot as soon as
// it has received it. For the server it must not end later.
func TestSlotIsFreeWithTheLastMessage(t *testing.T) {
	s := session.NewServer(session.Config{Own: simLimits, Peer: simLimits})
	sink := &opener{nobody: nobody{t}}
	for generation := range uint64(3) {
		head := []byte{0, 0, 0} // no timeout, and an empty block
		h := frame.Header{Type: frame.Open, Flags: frame.FlagStream, ID: (generation+1)<<32 | 5, Length: uint32(len(head)), Head: uint16(len(head))}
		if _, _, err := s.Feed(append(h.Append(nil), head...), 0, sink); err != nil {
			t.Fatalf("stream %d: %v", generation+1, err)
		}
		st := sink.opened[generation]
		for _, last := range []bool{false, true} {
			sending := session.Sending{Message: &transport.Message{Body: []byte("x")}, End: last}
			if done, err := s.Send(st, &sending, 1<<20); err != nil || !done {
				t.Fatalf("got %t, %v, want all sent", done, err)
			}
		}
		if got := s.Running(); got != 0 {
			t.Errorf("got %d running after the last message, want 0", got)
		}
	}
}
