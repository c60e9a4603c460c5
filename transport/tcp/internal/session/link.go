// SPDX-License-Identifier: Apache-2.0

// Package session is the protocol without any I/O: it is fed the bytes that
// came, says what they mean, and collects the bytes that are to go out. A
// session is used under one lock; nothing in it waits or looks at a clock.
package session

import (
	"encoding/binary"
	"sync"

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

	creditShare = 4 // credit is given back when a quarter of a window is owed
	frameCost   = frame.HeaderSize
)

// Counters are what a session has met. They only grow.
type Counters struct {
	Late    uint64 // frames for exchanges that are over or never were
	Skipped uint64 // frames of unknown types
	Resets  uint64
	Pings   uint64
}

// Link is what both sides of a connection have in common.
type Link struct {
	Counters Counters

	own, peer frame.Limits
	enc       *frame.Encoder
	dec       *frame.Decoder

	out   []byte   // what is being written
	full  [][]byte // what was written before it
	ahead int      // bytes in full
	taken uint64   // how many bytes were taken before all that
	spare [][]byte // memory for more
	pool  *sync.Pool
	boxes []*[]byte // empty, for what goes to the pool
	apart bool      // the next body is not copied, see Apart

	credit    int64 // what we may still send on all streams
	allowance int64 // what the peer may still send
	owed      int64 // what it may send besides, once told

	assembling    int64 // bytes of messages that are not complete
	assemblyBound int64

	pings, settings, goaways, resets bucket
	pinged                           uint64
	ponged                           uint64
	said                             bool   // we said goaway
	seen                             uint64 // exchanges that the peer has begun

	// concluded is told that the last message of a stream was written, with
	// which the stream is over for a client, and its slot is used again.
	concluded func(*Stream)
}

// Config is how a session is made.
type Config struct {
	// Own is what this side told the peer, Peer the opposite.
	Own, Peer frame.Limits
	// Assembly bounds the bytes of messages that are not complete.
	Assembly int
	// Segments, if not nil, keeps memory for what is to be written, a *[]byte
	// each, that a session has no use for at the moment.
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

// segmentSize is how much is collected before more goes to another piece of
// memory; keptSegment how large one may be to be used again, and keptSegments
// how many are kept.
const (
	segmentSize  = 128 << 10
	keptSegment  = 512 << 10
	keptSegments = 16
)

// Queued is how many bytes wait to be taken.
func (l *Link) Queued() int { return l.ahead + len(l.out) }

// Position is how many bytes were taken in all.
func (l *Link) Position() uint64 { return l.taken }

// written is the position of what is written next.
func (l *Link) written() uint64 { return l.taken + uint64(l.Queued()) }

// Take returns what is to go out next, and whether more does after it.
func (l *Link) Take() (out []byte, more bool) {
	if len(l.full) > 0 {
		out = l.full[0]
		l.full[0] = nil
		if l.full = l.full[1:]; len(l.full) == 0 {
			l.full = nil
		}
		l.ahead -= len(out)
	} else {
		out = l.out
		l.out = l.fresh(0)
	}
	l.taken += uint64(len(out))
	return out, l.Queued() > 0
}

// Apart says that the caller writes the body of the next unary message itself,
// right behind what Take returns then; it must be one that Fits.
func (l *Link) Apart() { l.apart = true }

// Fits reports whether a body of n bytes goes into one frame with any head.
func (l *Link) Fits(n int) bool { return n+frame.MaxHead <= l.peer.Frame && n <= l.peer.Message }

// body appends the body of a unary message, unless it goes out apart.
func (l *Link) body(b []byte) {
	if l.apart {
		l.apart = false
		l.taken += uint64(len(b))
		return
	}
	l.out = append(l.out, b...)
}

// Give takes back memory that Take has returned.
func (l *Link) Give(b []byte) {
	switch {
	case cap(b) > keptSegment:
	case len(l.spare) < keptSegments:
		l.spare = append(l.spare, b[:0])
	case l.pool != nil && cap(b) >= segmentSize:
		l.pool.Put(l.box(b[:0]))
	}
}

// Nap gives up memory for what is to be written, while nothing is.
func (l *Link) Nap() {
	for _, b := range l.spare {
		if l.pool != nil && cap(b) >= segmentSize {
			l.pool.Put(l.box(b))
		}
	}
	l.spare, l.boxes = nil, nil
	if l.Queued() == 0 {
		l.out = nil
	}
}

func (l *Link) box(b []byte) *[]byte {
	n := len(l.boxes)
	if n == 0 {
		return &b
	}
	box := l.boxes[n-1]
	l.boxes = l.boxes[:n-1]
	*box = b
	return box
}

func (l *Link) unbox(box *[]byte) []byte {
	b := *box
	*box = nil
	if len(l.boxes) < keptSegments {
		l.boxes = append(l.boxes, box)
	}
	return b
}

// room begins another segment when the last one is long enough. It is called
// before a frame that may be long.
func (l *Link) room() {
	if len(l.out) >= segmentSize {
		l.full = append(l.full, l.out)
		l.ahead += len(l.out)
		l.out = l.fresh(2 * segmentSize)
	}
}

func (l *Link) fresh(size int) []byte {
	n := len(l.spare)
	if n == 0 && size > 0 && l.pool != nil {
		if box, ok := l.pool.Get().(*[]byte); ok {
			return l.unbox(box)
		}
	}
	if n == 0 {
		return make([]byte, 0, size)
	}
	b := l.spare[n-1]
	l.spare[n-1] = nil
	l.spare = l.spare[:n-1]
	return b
}

// Peer returns what the peer told of itself.
func (l *Link) Peer() frame.Limits { return l.peer }

// Credit is what may still be sent on all streams together.
func (l *Link) Credit() int64 { return l.credit }

// Accuse tells the peer what it did wrong, before the connection is closed.
func (l *Link) Accuse(b *BrokenError) { l.goaway(l.seen, b.Code, b.Text) }

// Ping asks for a sign of life.
func (l *Link) Ping() {
	l.pinged++
	l.out = frame.Header{Length: 8, Type: frame.Ping}.Append(l.out)
	l.out = binary.BigEndian.AppendUint64(l.out, l.pinged)
}

// Ponged is how many pings were answered.
func (l *Link) Ponged() uint64 { return l.ponged }

// reset writes a Reset frame.
func (l *Link) reset(id uint64, r Reset) {
	start := len(l.out)
	l.out = frame.Begin(l.out, frame.Reset, 0, id)
	l.out = binary.AppendUvarint(l.out, uint64(r.Code))
	l.out = binary.AppendUvarint(l.out, r.RetryAfter)
	l.out = append(l.out, r.Reason[:min(len(r.Reason), maxReason)]...)
	frame.Finish(l.out, start, len(l.out)-start-frame.HeaderSize, 0)
}

const maxReason = 512

// Reset is why an exchange was given up.
type Reset struct {
	Code       Code
	RetryAfter uint64 // in milliseconds, for a refusal; 0: nothing is said
	Reason     string
}

// goaway writes a Goaway frame.
func (l *Link) goaway(accepted uint64, code Code, reason string) {
	start := len(l.out)
	l.out = frame.Begin(l.out, frame.Goaway, 0, 0)
	l.out = binary.AppendUvarint(l.out, accepted)
	l.out = binary.AppendUvarint(l.out, uint64(code))
	l.out = append(l.out, reason[:min(len(reason), maxReason)]...)
	frame.Finish(l.out, start, len(l.out)-start-frame.HeaderSize, 0)
}

// cut splits off the first frame of p. A total of 0 says that p has no
// complete header; one over len(p) that the frame is not complete.
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

// control deals with the frames that mean the same to both sides.
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

// changed takes new settings: how many exchanges the peer serves is all that
// may change.
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
		return r, broken("RESET that cannot be read")
	}
	return r, nil
}

// head is what stands before the body of an Open or Message frame.
type head struct {
	block frame.Block
	total int // length of the whole body where it goes on in further frames
}

// readHead reads it; this must be done with each frame, also one that nobody
// waits for, because blocks are remembered from one to the next.
func (l *Link) readHead(h frame.Header, payload []byte) (head, error) {
	s := frame.From(payload[:h.Head])
	var timeout uint64
	if h.Type == frame.Open {
		timeout = s.Uint()
	}
	hd := head{}
	if h.Has(frame.FlagMore) {
		hd.total = s.Size(frame.MaxSize)
	}
	var ok bool
	if hd.block, ok = l.dec.Read(&s, timeout); !ok || s.Len() > 0 {
		return hd, broken("%s frame whose header cannot be read", h.Type)
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
