// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// Opening is an exchange that the peer has begun. Of a unary one the request
// is complete.
type Opening struct {
	ID    uint64
	Unary bool
	Block frame.Block
	Body  []byte // of the request; lies in what was fed unless it is Owned
	Owned bool
}

// ServerSink takes what came for the side that answers. It is called while
// bytes are fed and must not call the session.
type ServerSink interface {
	// Opened is a new exchange. The sink returns what it is known by from now
	// on. Nil is for a unary exchange that is answered with [Server.Answer],
	// whatever its peer says meanwhile.
	Opened(o *Opening) *Stream
	StreamSink
}

// Server is the session of the side that answers exchanges.
type Server struct {
	Link
	slots      []place
	running    int
	leaving    bool
	retryAfter uint64
	opening    Opening // that is being handed over
}

// place is where an exchange is, found by the lower half of its id.
type place struct {
	id     uint64
	stream *Stream
	asm    *assembly
	live   bool
}

// NewServer returns the session of a connection whose prefaces were exchanged.
// retryAfter, in milliseconds, is told with the refusal of an exchange over
// the limit; 0 tells nothing.
func NewServer(c Config, retryAfter uint64) *Server {
	s := &Server{retryAfter: retryAfter}
	s.init(c, s.forget)
	return s
}

// Running is how many exchanges run that the session knows of.
func (s *Server) Running() int { return s.running }

// Opened is how many exchanges the peer has begun.
func (s *Server) Opened() uint64 { return s.seen }

// Leave tells the peer that no more exchanges are taken, with the reason.
// What it has begun and we have not seen yet is refused.
func (s *Server) Leave(code Code, reason string) {
	s.leaving = true
	s.goaway(s.seen, code, reason)
}

// Answer writes the reply to a unary exchange that is known by its id only.
func (s *Server) Answer(id uint64, m *transport.Message) error {
	h := frame.Header{Type: frame.Message, Flags: frame.FlagEnd, ID: id}
	if !s.Fits(len(m.Body)) {
		return s.beginLarge(h, m)
	}
	s.room()
	start := len(s.out)
	if err := s.appendHead(h, 0, 0, m.Header); err != nil {
		return err
	}
	head := len(s.out) - start - frame.HeaderSize
	s.body(m.Body)
	frame.Finish(s.out, start, head, len(m.Body))
	return nil
}

// Reply writes the reply to a unary exchange, which is over then.
func (s *Server) Reply(st *Stream, m *transport.Message) error {
	if st.over {
		return nil
	}
	if err := s.Answer(st.ID, m); err != nil {
		return err
	}
	s.forget(st)
	return nil
}

// End ends a stream in good order, unless its last message did so; the peer's
// half ends with it.
func (s *Server) End(st *Stream, trailer transport.Header) error {
	if st.over {
		return nil
	}
	if err := s.end(st, trailer); err != nil {
		return err
	}
	s.forget(st)
	return nil
}

// Reset gives an exchange up.
func (s *Server) Reset(st *Stream, r Reset) {
	if !st.over {
		s.reset(st.ID, r)
		s.forget(st)
	}
}

// ResetID refuses a unary exchange that is known by its id only.
func (s *Server) ResetID(id uint64, r Reset) { s.reset(id, r) }

func (s *Server) forget(st *Stream) {
	if p := s.place(st.ID); p != nil {
		s.vacate(p)
	}
}

// Fail ends all exchanges.
func (s *Server) Fail(err error, sink ServerSink) {
	s.leaving = true
	for i := range s.slots {
		if p := &s.slots[i]; p.live {
			st := p.stream
			s.vacate(p)
			if st != nil {
				sink.Broke(st, err)
			}
		}
	}
}
