// SPDX-License-Identifier: Apache-2.0

// Package session implements mailcall's protocol without I/O: it is fed the received
// bytes, calls a sink with the results, and collects the bytes to send. A session must be
// protected by one lock; it does not block or use a clock.
package session

import (
	"encoding/binary"
	"math"
	"sync"
	"unicode/utf8"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

// Budgets of control frames: how many the peer may send at once, and after how
// many nanoseconds it may send one more.
const (
	pingBurst, pingEvery         = 32, 100e6
	settingsBurst, settingsEvery = 16, 1e9
	goawayBurst                  = 8
	resetBurst, resetEvery       = 10_000, 100e3

	creditShare = 4 // credit is granted when a quarter of a window is owed
	frameCost   = frame.HeaderSize
)

// Counters count events of a session.
type Counters struct {
	Late    uint64 // frames for exchanges that have ended or never existed
	Skipped uint64 // frames of unknown types
	Resets  uint64
	Pings   uint64
}

// Link is the part of a session that both sides have in common.
type Link struct {
	Counters Counters

	own, peer frame.Limits
	enc       *frame.Encoder
	dec       *frame.Decoder

	out   []byte   // the current segment of queued bytes
	full  [][]byte // the segments before it
	ahead int      // bytes in full
	taken uint64   // bytes that were taken before
	spare [][]byte // free segments
	pool  *sync.Pool
	boxes []*[]byte // empty, for putting segments into pool
	apart bool      // the next body is not copied, see Apart

	credit    int64 // what this side may still send on all streams
	allowance int64 // what the peer may still send
	owed      int64 // credit that is not yet granted to the peer

	assembling    int64 // bytes of incomplete messages
	assemblyBound int64

	pings, settings, goaways, resets bucket
	pinged                           uint64 // pings that were sent
	ponged                           uint64 // pings that were answered
	said                             bool   // a goaway was sent
	parting                          string // why the peer closes the connection, from its last goaway
	seen                             uint64 // exchanges that the peer has begun

	// concluded is called when the last message of a stream was written. If the
	// server sends it, that ends the stream for the client, which may reuse its slot.
	concluded func(*Stream)
}

// Config configures a session.
type Config struct {
	// Own are the limits of this side, Peer those of the peer.
	Own, Peer frame.Limits
	// Assembly is the limit for the total length of incomplete messages, in bytes.
	Assembly int
	// Segments, if not nil, is a pool of *[]byte to which sessions return free write
	// buffers.
	Segments *sync.Pool
}

func (l *Link) init(c Config, concluded func(*Stream)) {
	l.concluded = concluded
	l.own, l.peer = c.Own, c.Peer
	l.enc, l.dec = frame.NewEncoder(c.Peer.Table), frame.NewDecoder(c.Own.Table)
	l.credit, l.allowance = int64(c.Peer.ConnWindow), int64(c.Own.ConnWindow)
	l.assemblyBound = int64(c.Assembly)
	l.pool = c.Segments
	l.pings = newBucket(pingBurst, pingEvery)
	l.settings = newBucket(settingsBurst, settingsEvery)
	l.goaways = newBucket(goawayBurst, 0)
	l.resets = newBucket(resetBurst, resetEvery)
}

// Peer returns the limits of the peer.
func (l *Link) Peer() frame.Limits { return l.peer }

// Credit returns what may still be sent on all streams together, in bytes.
func (l *Link) Credit() int64 { return l.credit }

// Accuse sends the peer's protocol error to it, in a goaway, before the connection is
// closed.
func (l *Link) Accuse(b *BrokenError) { l.out = b.AppendGoaway(l.out, l.seen) }

// Ping sends a ping.
func (l *Link) Ping() {
	l.pinged++
	l.out = frame.Header{Length: 8, Type: frame.Ping}.Append(l.out)
	l.out = binary.BigEndian.AppendUint64(l.out, l.pinged)
}

// Ponged returns how many pings were answered.
func (l *Link) Ponged() uint64 { return l.ponged }

// reset writes a Reset frame.
func (l *Link) reset(id uint64, r Reset) {
	start := len(l.out)
	l.out = frame.Begin(l.out, frame.Reset, 0, id)
	l.out = binary.AppendUvarint(l.out, uint64(r.Code))
	l.out = binary.AppendUvarint(l.out, r.RetryAfter)
	l.out = append(l.out, cutReason(r.Reason)...)
	frame.Finish(l.out, start, len(l.out)-start-frame.HeaderSize, 0)
}

const maxReason = 512

// cutReason returns the part of a reason that may be sent, without a part of a character
// at the end.
func cutReason(s string) string {
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for n > maxReason-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Reset is the content of a Reset frame.
type Reset struct {
	Code       Code
	RetryAfter uint64 // in milliseconds, for a refusal; 0: none
	Reason     string
}

// cut splits off the first frame of p. total is its length with the header: 0 if the
// header is incomplete, more than len(p) if the frame is.
func (l *Link) cut(p []byte) (h frame.Header, payload []byte, total int, err error) {
	if len(p) < frame.HeaderSize {
		return h, nil, 0, nil
	}
	h = frame.ParseHeader(p)
	if uint64(h.Length) > uint64(l.own.Frame) {
		return h, nil, 0, broken("%s frame of %d bytes, the limit is %d", h.Type, h.Length, l.own.Frame)
	}
	total = frame.HeaderSize + int(h.Length)
	if total > len(p) {
		return h, nil, total, nil
	}
	payload = p[frame.HeaderSize:total:total]
	if int(h.Head) > len(payload) {
		return h, nil, 0, broken("%s frame with a head of %d bytes in %d", h.Type, h.Head, len(payload))
	}
	return h, payload, total, nil
}

// control handles the frames that mean the same for both sides.
func (l *Link) control(h frame.Header, payload []byte, now int64) error {
	switch h.Type {
	case frame.Ping:
		return l.wasPinged(payload, now)
	case frame.Pong:
		if len(payload) != 8 {
			return broken("PONG of %d bytes, want 8", len(payload))
		}
		if v := binary.BigEndian.Uint64(payload); v == l.ponged+1 && v <= l.pinged {
			l.ponged = v
		} else {
			l.Counters.Late++
		}
	case frame.Settings:
		if !l.settings.take(now) {
			return flooded("more than %d settings at once", settingsBurst)
		}
		return l.changed(payload)
	default:
		if h.Type&frame.Ignorable == 0 {
			return broken("frame of the unknown type %d", uint8(h.Type))
		}
		l.Counters.Skipped++
	}
	return nil
}

func (l *Link) wasPinged(payload []byte, now int64) error {
	if len(payload) != 8 {
		return broken("PING of %d bytes, want 8", len(payload))
	}
	if !l.pings.take(now) {
		return flooded("more than %d pings at once", pingBurst)
	}
	l.Counters.Pings++
	l.out = frame.Header{Length: 8, Type: frame.Pong}.Append(l.out)
	l.out = append(l.out, payload...)
	return nil
}

// changed applies new settings of the peer, of which only the number of exchanges may
// change.
func (l *Link) changed(payload []byte) error {
	next := l.peer
	if err := next.Read(payload); err != nil {
		return broken("%v", err)
	}
	l.peer.Exchanges = next.Exchanges
	return nil
}

func readReset(payload []byte) (Reset, error) {
	s := frame.From(payload)
	r := Reset{Code: Code(s.Uint()), RetryAfter: s.Uint()}
	r.Reason = string(s.Rest())
	if s.Bad() || len(r.Reason) > maxReason {
		return r, broken("invalid RESET")
	}
	return r, nil
}

// head is the part of an Open, Message or End frame before the body.
type head struct {
	block frame.Block
	total int // length of the whole body if it continues in further frames
}

// readHead reads the head of a frame. It must be called for every frame, also for an
// exchange that has ended, because a block can refer to earlier ones.
func (l *Link) readHead(h frame.Header, payload []byte) (head, error) {
	s := frame.From(payload[:h.Head])
	var timeout uint64
	if h.Type == frame.Open {
		timeout = s.Uint()
	}
	hd := head{}
	if h.Has(frame.FlagMore) {
		hd.total = int(min(s.Uint(), math.MaxInt)) // assemble checks it
	}
	var ok bool
	if hd.block, ok = l.dec.Read(&s, timeout); !ok || s.Len() > 0 {
		return hd, broken("%s frame with an invalid header block", h.Type)
	}
	return hd, nil
}

// appendHead writes a frame up to its body.
func (l *Link) appendHead(h frame.Header, timeout uint64, total int, header transport.Header) error {
	out := frame.Begin(l.out, h.Type, h.Flags, h.ID)
	asked := l.enc.Look(header, h.Type == frame.Open && timeout == 0)
	if h.Type == frame.Open {
		out = binary.AppendUvarint(out, max(timeout, asked))
	}
	if h.Has(frame.FlagMore) {
		out = binary.AppendUvarint(out, uint64(total))
	}
	out, err := l.enc.Append(out, header)
	if err != nil {
		l.apart = false
		return err
	}
	l.out = out
	return nil
}
