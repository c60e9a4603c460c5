// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// Sending is a message that is being sent. The caller sets Message and End.
type Sending struct {
	Message *transport.Message
	End     bool // nothing follows in this direction
	sent    int
	begun   bool
}

// Send queues as much of a message of a stream as the credit allows, unless more than
// bound bytes are queued. It reports whether the message is complete; if not, it must be
// called again when there is more credit or room. An error matches
// [transport.ErrTooLarge], [transport.ErrInvalid] or [frame.ErrHeader].
func (l *Link) Send(st *Stream, s *Sending, bound int) (done bool, err error) {
	body := s.Message.Body
	if !s.begun {
		if st.midway {
			return false, errMidway
		}
		if len(body) > l.peer.Message {
			return false, tooLarge("message", len(body), l.peer.Message)
		}
		if headBound(s.Message.Header) > l.piece()/2 {
			return false, tooLarge("header", headBound(s.Message.Header), l.piece()/2)
		}
	}
	for {
		head := frameCost
		if !s.begun {
			head += headBound(s.Message.Header)
		}
		n := min(len(body)-s.sent, l.piece()-head)
		if cost := int64(head + n); cost > st.credit || cost > l.credit || len(l.out) > bound {
			return false, nil
		}
		if err := l.sendPiece(st, s, body[s.sent:s.sent+n]); err != nil {
			return false, err
		}
		if s.sent == len(body) {
			if s.End {
				st.sentEnd = true
				l.concluded(st)
			}
			return true, nil
		}
	}
}

// sendPiece queues one frame of a message.
func (l *Link) sendPiece(st *Stream, s *Sending, body []byte) error {
	h := frame.Header{Type: frame.Data, Flags: frame.FlagStream, ID: st.ID}
	total := len(s.Message.Body)
	l.room()
	if s.sent+len(body) < total {
		h.Flags |= frame.FlagMore
	} else if s.End {
		h.Flags |= frame.FlagEnd
	}
	start := len(l.out)
	if s.begun {
		l.out = frame.Begin(l.out, h.Type, h.Flags, h.ID)
	} else {
		h.Type = frame.Message
		if err := l.appendHead(h, 0, total, s.Message.Header); err != nil {
			return err
		}
	}
	head := len(l.out) - start - frame.HeaderSize
	l.out = append(l.out, body...)
	frame.Finish(l.out, start, head, len(body))
	cost := int64(head+len(body)) + frameCost
	st.credit -= cost
	l.credit -= cost
	s.begun = true
	s.sent += len(body)
	st.midway = s.sent < total
	return nil
}

// piece returns the largest payload of a frame on a stream: at most half of a window, so
// that credit for the next one arrives before the last one is used up.
func (l *Link) piece() int {
	return min(l.peer.Frame, l.peer.Window/2, l.peer.ConnWindow/2)
}

// headBound returns an upper bound for the length of the head.
func headBound(h transport.Header) int {
	n := 64
	for i := range h {
		n += len(h[i].Name) + len(h[i].Value) + 16
	}
	return n
}

// end queues the end of this side's direction.
func (l *Link) end(st *Stream, trailer transport.Header) error {
	start := len(l.out)
	out := frame.Begin(l.out, frame.End, frame.FlagEnd|st.flag(), st.ID)
	l.enc.Look(trailer, false)
	out, err := l.enc.Append(out, trailer)
	if err != nil {
		return err
	}
	l.out = out
	head := len(l.out) - start - frame.HeaderSize
	frame.Finish(l.out, start, head, 0)
	st.sentEnd = true
	return nil
}

func (st *Stream) flag() frame.Flags {
	if st.unary {
		return 0
	}
	return frame.FlagStream
}
