// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// Opening is an exchange that the peer has begun. The request of a unary one is complete.
type Opening struct {
	ID    uint64
	Unary bool
	Block frame.Block
	Body  []byte // of the request; a part of the bytes that are fed, unless it is Owned
	Owned bool
}

// ServerSink receives the results of a server's session. Its methods are called by Feed
// and Fail, and must not call the session.
type ServerSink interface {
	// Opened is called with a new exchange. It returns the Stream for it, or nil for a
	// unary exchange that will be answered with [Server.Answer] or [Server.ResetID],
	// even if the peer cancels it.
	Opened(o *Opening) *Stream
	StreamSink
}

// Server is the session of the side that answers exchanges.
type Server struct {
	Link
	slots   []place
	running int
	leaving bool
	opening Opening // passed to the sink
}

// place is a slot for an exchange. The lower half of the id is its index.
type place struct {
	id     uint64
	stream *Stream
	asm    *assembly
	live   bool
}

// NewServer returns the session of a connection after the exchange of prefaces.
func NewServer(c Config) *Server {
	s := &Server{}
	s.init(c, s.forget)
	return s
}

// Running returns how many exchanges run, without those for which Opened has returned nil.
func (s *Server) Running() int { return s.running }

// Opened returns how many exchanges the peer has begun.
func (s *Server) Opened() uint64 { return s.seen }

// Leave sends a goaway with the reason: no more exchanges are accepted. Those that arrive
// later are refused.
func (s *Server) Leave(code Code, reason string) {
	s.leaving = true
	s.goaway(s.seen, code, reason)
}

// Answer writes the reply to a unary exchange without a Stream.
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

// Reply writes the reply to a unary exchange, and ends it. If it has ended already, Reply
// does nothing.
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

// End ends a stream, in both directions, unless it has ended already.
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

// Reset ends an exchange with a reset, unless it has ended already.
func (s *Server) Reset(st *Stream, r Reset) {
	if !st.over {
		s.reset(st.ID, r)
		s.forget(st)
	}
}

// ResetID resets a unary exchange without a Stream.
func (s *Server) ResetID(id uint64, r Reset) { s.reset(id, r) }

func (s *Server) forget(st *Stream) {
	if p := s.place(st.ID); p != nil {
		s.vacate(p)
	}
}

// Fail fails all exchanges with err.
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
