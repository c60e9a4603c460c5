// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport/tcp/internal/frame"
	"example.com/mailcall/transport/tcp/internal/planted"
)

// Feed is like [Client.Feed].
func (s *Server) Feed(p []byte, now int64, sink ServerSink) (used, need int, err error) {
	for {
		h, payload, total, err := s.cut(p[used:])
		if err != nil {
			return used, 0, err
		}
		if total == 0 || total > len(p)-used {
			return used, total, nil
		}
		used += total
		if err = s.frame(h, payload, now, sink); err != nil {
			return used, 0, err
		}
	}
}

func (s *Server) frame(h frame.Header, payload []byte, now int64, sink ServerSink) error {
	switch h.Type {
	case frame.Open:
		return s.open(h, payload, sink)
	case frame.Message, frame.Data:
		return s.message(h, payload, sink)
	case frame.End:
		return s.ended(h, payload, sink)
	case frame.Reset:
		return s.wasReset(h, payload, now, sink)
	case frame.Credit:
		var st *Stream
		if p := s.place(h.ID); p != nil {
			st = p.stream
		}
		if err := s.credited(h, payload, st); err != nil {
			return err
		}
		if st != nil || h.ID == 0 {
			sink.Credited(st)
		}
		return nil
	case frame.Goaway:
		_, err := s.farewell(payload, now)
		return err // the client closes the connection itself
	default:
		return s.control(h, payload, now)
	}
}

// place returns the place of a live exchange, nil for any other id.
func (s *Server) place(id uint64) *place {
	index := uint32(id)
	if uint64(index) >= uint64(len(s.slots)) {
		return nil
	}
	if p := &s.slots[index]; p.live && p.id == id {
		return p
	}
	return nil
}

// open handles an Open frame.
func (s *Server) open(h frame.Header, payload []byte, sink ServerSink) error {
	hd, err := s.readHead(h, payload)
	if err != nil {
		return err
	}
	index := uint32(h.ID)
	if uint64(index) >= uint64(s.own.Exchanges) || h.ID>>32 == 0 {
		return broken("OPEN with the id %#x", h.ID)
	}
	if p := s.at(index); p != nil && p.live {
		return broken("OPEN with the id %#x while %#x is open", h.ID, p.id)
	}
	if !s.leaving {
		s.seen++
	}
	body := payload[h.Head:]
	switch {
	case s.leaving:
		s.reset(h.ID, Reset{Code: CodeLeaving})
		return nil
	case len(body) > s.own.Message:
		s.reset(h.ID, Reset{Code: CodeTooLarge, Reason: over("message", len(body), s.own.Message)})
		return nil
	}
	o := &s.opening
	*o = Opening{ID: h.ID, Unary: !h.Has(frame.FlagStream), Block: hd.block, Body: body}
	if o.Unary && h.Has(frame.FlagMore) {
		return s.assembleUnary(h, hd, body)
	}
	if o.Unary != h.Has(frame.FlagEnd) || !o.Unary && (len(body) > 0 || h.Has(frame.FlagMore)) {
		return broken("OPEN that is neither a unary request nor the beginning of a stream")
	}
	s.begin(o, sink)
	o.Body = nil // do not keep the fed bytes
	return nil
}

// at returns the place with an index, nil if there was none yet.
func (s *Server) at(index uint32) *place {
	if uint64(index) < uint64(len(s.slots)) {
		return &s.slots[index]
	}
	return nil
}

// make returns the place with an index, and makes it if there was none yet.
func (s *Server) make(index uint32) *place {
	for uint64(index) >= uint64(len(s.slots)) {
		n := min(max(2*len(s.slots), 16), frame.MaxExchanges)
		s.slots = append(s.slots, make([]place, n-len(s.slots))...)
	}
	return &s.slots[index]
}

// begin passes a new exchange to the sink.
func (s *Server) begin(o *Opening, sink ServerSink) {
	st := sink.Opened(o)
	if st == nil {
		return
	}
	s.newStream(st, o.ID)
	st.unary, st.gotEnd = o.Unary, o.Unary
	p := s.make(uint32(o.ID))
	*p = place{id: o.ID, stream: st, live: true}
	s.running++
}

// assembleUnary begins a request of several frames.
func (s *Server) assembleUnary(h frame.Header, hd head, body []byte) error {
	asm, refused, err := s.assemble(hd, body)
	if refused != nil {
		s.reset(h.ID, *refused)
	}
	if asm != nil {
		*s.make(uint32(h.ID)) = place{id: h.ID, asm: asm, live: true}
		s.running++
	}
	return err
}

// vacate ends an exchange on this side, and frees its place.
func (s *Server) vacate(p *place) {
	s.releaseAssembly(p.asm)
	if st := p.stream; st != nil {
		st.over = true
		s.releaseAssembly(st.asm)
		st.asm = nil
	}
	*p = place{}
	s.running--
}

// message handles Message and Data frames.
func (s *Server) message(h frame.Header, payload []byte, sink ServerSink) error {
	var hd head
	body := payload
	if h.Type == frame.Message {
		var err error
		if hd, err = s.readHead(h, payload); err != nil {
			return err
		}
		body = payload[h.Head:]
	}
	p := s.place(h.ID)
	switch {
	case p == nil:
		s.Counters.Late++
		if h.Has(frame.FlagStream) {
			_, err := s.charge(nil, int(h.Length))
			return err
		}
		return nil
	case p.asm != nil:
		return s.request(p, h, body, sink)
	case p.stream.unary || !h.Has(frame.FlagStream):
		return broken("%s frame that does not fit its exchange", h.Type)
	}
	it, ready, refused, err := s.arrived(p.stream, h, hd, body)
	switch {
	case err != nil:
		return err
	case refused != nil:
		st := p.stream
		s.vacate(p)
		s.reset(h.ID, *refused)
		sink.Broke(st, refused.local())
	case ready:
		sink.Item(p.stream, it)
	}
	return nil
}

// request handles a Data frame of a unary request.
func (s *Server) request(p *place, h frame.Header, body []byte, sink ServerSink) error {
	if h.Type != frame.Data || h.Has(frame.FlagStream) {
		return broken("%s frame within a request", h.Type)
	}
	done, err := p.asm.add(h, body)
	if err != nil || !done {
		return err
	}
	if !h.Has(frame.FlagEnd) {
		return broken("a unary exchange begins with more than one message")
	}
	o := Opening{ID: p.id, Unary: true, Block: p.asm.block, Body: p.asm.body, Owned: true}
	s.vacate(p)
	s.begin(&o, sink)
	return nil
}

// ended handles an End frame, which ends the peer's direction of a stream.
func (s *Server) ended(h frame.Header, payload []byte, sink ServerSink) error {
	hd, err := s.readHead(h, payload)
	if err != nil {
		return err
	}
	if int(h.Head) != len(payload) {
		return broken("END with a body")
	}
	p := s.place(h.ID)
	switch {
	case p == nil:
		s.Counters.Late++
	case p.asm != nil || p.stream.asm != nil:
		return broken("END within a message")
	case p.stream.gotEnd: // always, if it is unary
		return broken("END on an exchange after its end")
	case planted.HalfCloseDropped:
	default:
		p.stream.gotEnd = true
		sink.Ended(p.stream, hd.block.Header())
	}
	return nil
}

// wasReset handles a Reset frame.
func (s *Server) wasReset(h frame.Header, payload []byte, now int64, sink ServerSink) error {
	r, err := readReset(payload)
	if err != nil {
		return err
	}
	s.Counters.Resets++
	if !s.resets.take(now) {
		return flooded("more than %d resets at once", resetBurst)
	}
	p := s.place(h.ID)
	if p == nil {
		s.Counters.Late++
		return nil
	}
	st := p.stream
	s.vacate(p)
	if st != nil {
		sink.Broke(st, &ResetByPeerError{r})
	}
	return nil
}

// ResetByPeerError is the error of an exchange that the client has cancelled.
type ResetByPeerError struct{ Reset }

// Error implements error.
func (p *ResetByPeerError) Error() string {
	if p.Reason == "" {
		return "reset by the client: " + p.Code.String()
	}
	return "reset by the client: " + p.Code.String() + ": " + p.Reason
}
