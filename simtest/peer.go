// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"encoding/binary"
	"time"
)

// streamWindow is how many messages of a direction may be unread.
const streamWindow = 4

// fate is what a server does with a stream.
type fate uint8

const (
	serves   fate = iota
	refuses       // answers the opening with an error
	sleeps        // never sends anything
	stalls        // stops reading
	fails         // ends it with an error
	cuts          // the connection is reset
	ends          // ends it normally, but early
	abandons      // closes the connection early, if it carries only this stream
)

// peer is the server's end of a stream.
type peer struct {
	ch       *channel
	fate     fate
	at       int // the message at which the fate comes about
	opened   bool
	got      int // messages of the client that were read
	half     bool
	blocked  bool // it does not read
	over     bool // its end was queued
	gone     bool // the client has left
	queue    []frame
	credit   int
	sent     int // messages before its end
	quiet    bool
	chatters bool
}

func newPeer(ch *channel) *peer {
	v := ch.conn.server
	w, b := v.world, v.behaviour
	p := &peer{ch: ch, credit: streamWindow, at: w.sim.dice.N(6)}
	p.quiet = !ch.native() && w.rolls(0.5)
	p.chatters = w.rolls(b.Double)
	for _, roll := range [...]struct {
		fate   fate
		chance float64
	}{
		{refuses, b.Fail / 2}, {sleeps, b.Silent}, {stalls, b.Stall}, {fails, b.Fail / 2},
		{cuts, b.CutReply}, {ends, b.Early}, {abandons, b.Early / 4},
	} {
		if w.rolls(roll.chance) {
			p.fate = roll.fate
			break
		}
	}
	return p
}

func (p *peer) sim() *sim { return p.ch.conn.server.world.sim }

// receive takes a frame from the wire.
func (p *peer) receive(f frame) {
	s, st := p.sim(), p.ch.stream
	switch {
	case p.gone:
		s.violatef(StreamSilent, "a frame of stream %d came to %s after the end of the stream", st.id, p.ch.conn.server.address)
	case !p.opened:
		p.opened = true
		p.begin()
	case f.kind == frameReset:
		s.noteStream("reset by the client", st)
		p.gone = true
	case p.blocked: // a server that does not read
	default:
		p.read(f)
	}
}

// begin handles the opening request.
func (p *peer) begin() {
	s, st := p.sim(), p.ch.stream
	s.noteStream("accept", st, p.ch.conn.server.address)
	st.accepts++
	switch {
	case p.fate == refuses:
		p.end(frameFailure)
	case p.at == 0 && p.fate != serves:
		p.meet()
	}
	if st.spec.Kind != ServerStream {
		return
	}
	for i := range st.spec.Replies {
		s.clock.after(time.Duration(i)*st.spec.Gap, p.reply)
	}
	s.clock.after(time.Duration(st.spec.Replies)*st.spec.Gap, func() { p.end(frameEnd) })
}

// read handles a message or the end of the client's direction.
func (p *peer) read(f frame) {
	s, st := p.sim(), p.ch.stream
	if f.kind == frameEnd {
		s.noteStream("half-close seen", st)
		p.half = true
		if st.clean && p.got != st.sent {
			s.violatef(StreamOrder, "the server of stream %d has got %d messages at the end of the client's half, and %d were sent", st.id, p.got, st.sent)
		}
		p.finish()
		return
	}
	if owner, seq := open(f.body); p.half || owner != st.id || seq != p.got {
		s.violatef(StreamOrder, "the server of stream %d got message %d of stream %d, want number %d", st.id, seq, owner, p.got)
		return
	}
	p.got++
	s.report.Stats.Messages++
	_, back := p.ch.conn.server.distance()
	s.clock.after(back, func() { p.ch.unread-- })
	if p.fate != serves && p.fate != refuses && p.got == p.at {
		p.meet()
	}
	if st.spec.Kind == BidiStream {
		p.reply()
	}
}

// meet carries out the fate.
func (p *peer) meet() {
	switch p.fate {
	case stalls:
		p.blocked = true
	case fails:
		p.end(frameFailure)
	case cuts:
		_, back := p.ch.conn.server.distance()
		p.sim().clock.after(back, func() { p.ch.conn.broke(errReset) })
	case ends:
		p.end(frameEnd)
	case abandons:
		if !p.ch.native() {
			p.end(frameHangup)
		}
	case serves, refuses, sleeps:
	}
}

// finish handles the end of the client's direction.
func (p *peer) finish() {
	switch p.ch.stream.spec.Kind {
	case ClientStream:
		p.reply()
		p.end(frameEnd)
	case BidiStream:
		p.end(frameEnd)
	case ServerStream: // it ends by itself
	}
}

// reply sends a message.
func (p *peer) reply() {
	if p.over || p.gone || p.fate == sleeps {
		return
	}
	p.queue = append(p.queue, frame{kind: frameData, body: seal(p.ch.stream.id, p.sent)})
	p.sent++
	p.pump()
}

// end ends the server's direction and with it the stream. On connections without
// streams, a server that has seen the end of the other direction sends nothing.
func (p *peer) end(kind frameKind) {
	if p.over || p.gone || p.fate == sleeps {
		return
	}
	p.over = true
	if p.quiet && p.half && kind == frameEnd {
		return
	}
	p.queue = append(p.queue, frame{kind: kind})
	if p.chatters {
		p.sim().clock.after(time.Duration(p.sim().dice.N(5))*time.Millisecond, func() {
			p.queue = append(p.queue, frame{kind: frameData, body: seal(p.ch.stream.id, p.sent)})
			p.pump()
		})
	}
	p.pump()
}

// refill allows another message to be sent.
func (p *peer) refill() {
	p.credit++
	p.pump()
}

// pump sends as many messages as the client allows.
func (p *peer) pump() {
	for len(p.queue) > 0 && !p.gone {
		f := p.queue[0]
		if f.kind == frameData {
			if p.credit == 0 {
				return
			}
			p.credit--
		}
		p.queue = p.queue[1:]
		_, back := p.ch.conn.server.distance()
		p.ch.back.after(p.sim(), back, func() { p.ch.arrive(f) })
	}
}

// seal returns the body of a message: the stream and the message's number in its
// direction.
func seal(stream, n int) []byte {
	b := make([]byte, 16)
	binary.LittleEndian.PutUint64(b, uint64(stream))
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	return b
}

// open reads a body that seal has made.
func open(body []byte) (stream, n int) {
	if len(body) != 16 {
		return -1, -1
	}
	return int(binary.LittleEndian.Uint64(body)), int(binary.LittleEndian.Uint64(body[8:]))
}
