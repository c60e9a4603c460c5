// SPDX-License-Identifier: Apache-2.0

package session

import (
	"example.com/mailcall/transport/tcp/internal/frame"
)

// segmentSize is the length in bytes from which on a new segment is begun; keptSegment is
// the size up to which one is reused, and keptSegments how many are kept.
const (
	segmentSize  = 128 << 10
	keptSegment  = 512 << 10
	keptSegments = 16
)

// Queued returns how many bytes wait to be taken.
func (l *Link) Queued() int { return l.ahead + len(l.out) }

// Position returns how many bytes were taken in all.
func (l *Link) Position() uint64 { return l.taken }

// written returns the position of the next byte that is queued.
func (l *Link) written() uint64 { return l.taken + uint64(l.Queued()) }

// Take returns the next queued bytes to send, and whether there are more.
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

// Apart announces that the caller writes the body of the next unary message itself, right
// after what Take returns then. The body must be one that Fits.
func (l *Link) Apart() { l.apart = true }

// Fits reports whether a body of n bytes fits into one frame with any head.
func (l *Link) Fits(n int) bool { return n+frame.MaxHead <= l.peer.Frame && n <= l.peer.Message }

// body appends the body of a unary message, unless it is written apart.
func (l *Link) body(b []byte) {
	if l.apart {
		l.apart = false
		l.taken += uint64(len(b))
		return
	}
	l.out = append(l.out, b...)
}

// Give returns memory from Take, for reuse.
func (l *Link) Give(b []byte) {
	switch {
	case cap(b) > keptSegment:
	case len(l.spare) < keptSegments:
		l.spare = append(l.spare, b[:0])
	case l.pool != nil && cap(b) >= segmentSize:
		l.pool.Put(l.box(b[:0]))
	}
}

// Nap releases free write buffers while the connection is idle.
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

// room begins a new segment if the current one is long enough. It is called before a
// frame that may be long.
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
