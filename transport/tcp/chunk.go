// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"sync"
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

const (
	// chunkSize is the size of a chunk in bytes.
	chunkSize = 64 << 10
	// largeChunk is the same for connections with large frames.
	largeChunk = 256 << 10
	// keptChunks is how many free chunks of each size a transport keeps at most.
	keptChunks = 64
	// lentChunks is how many full chunks of a connection may still be in use by
	// receivers. Beyond that messages are copied, so that a slow receiver of a few
	// bytes does not keep a whole chunk.
	lentChunks = 64
	// napSize is the size of the chunk of an idle connection.
	napSize = 512
	// leastRoom is how much of a chunk must be free to read into it once more.
	leastRoom = 8 << 10
	// messageBlock is how many messages are allocated at once.
	messageBlock = 64
)

// chunk is memory into which a connection reads. Receivers use the messages in it
// without a copy; it is the [transport.Loan] of each of them.
type chunk struct {
	buf      []byte
	refs     atomic.Int64 // returned loans; minus all loans, after retire: 0 when all were returned
	shelf    *shelf
	out      *atomic.Int64 // how many retired chunks of the connection are on loan
	messages []*[messageBlock]transport.Message
}

// Return implements [transport.Loan].
func (c *chunk) Return() {
	if c.refs.Add(1) == 0 {
		c.out.Add(-1)
		c.shelf.put(c)
	}
}

// message returns the memory for the n-th message in the chunk.
func (c *chunk) message(n int) *transport.Message {
	for n/messageBlock >= len(c.messages) {
		c.messages = append(c.messages, new([messageBlock]transport.Message))
	}
	return &c.messages[n/messageBlock][n%messageBlock]
}

// shelf keeps free chunks and other memory for all connections of a transport.
type shelf struct {
	mu    sync.Mutex
	small []*chunk
	large []*chunk

	segments sync.Pool // of *[]byte, write buffers, see session.Config
}

func (s *shelf) get(size int) *chunk {
	s.mu.Lock()
	list := &s.small
	if size > chunkSize {
		list = &s.large
	}
	if n := len(*list); n > 0 && cap((*list)[n-1].buf) >= size {
		c := (*list)[n-1]
		(*list)[n-1] = nil
		*list = (*list)[:n-1]
		s.mu.Unlock()
		return c
	}
	s.mu.Unlock()
	if size > chunkSize {
		size = max(size, largeChunk)
	} else {
		size = chunkSize
	}
	return &chunk{buf: make([]byte, size), shelf: s}
}

func (s *shelf) put(c *chunk) {
	list := &s.small
	switch len(c.buf) {
	case chunkSize:
	case largeChunk:
		list = &s.large
	default:
		return
	}
	c.refs.Store(0)
	c.out = nil // a part of the connection, which would be kept with the chunk
	s.mu.Lock()
	if len(*list) < keptChunks {
		*list = append(*list, c)
	}
	s.mu.Unlock()
}

// intake is the current chunk of a connection. Only the goroutine that reads uses it.
type intake struct {
	shelf *shelf
	c     *chunk
	pos   int // end of the bytes that were used
	end   int // end of the bytes that were read
	lent  int // loans of c
	used  int // messages of c
	need  int // length of the frame at pos, 0 if it is not known
	size  int // of the next chunk
	out   atomic.Int64
}

// room returns memory to read into.
func (in *intake) room() []byte {
	switch {
	case in.c == nil:
		in.change(max(in.size, chunkSize))
	case len(in.c.buf) > napSize:
	case in.end == 0:
		return in.c.buf
	default: // the connection is not idle any more
		in.change(max(in.size, chunkSize, in.need))
	}
	if in.pos == in.end && in.idle() {
		in.pos, in.end = 0, 0
	}
	if need := in.need; in.pos+need > len(in.c.buf) || len(in.c.buf)-in.end < leastRoom && need <= in.end-in.pos {
		in.change(max(in.size, chunkSize, need))
	}
	return in.c.buf[in.end:]
}

// nap replaces the chunk of an idle connection by a small one.
func (in *intake) nap() {
	if in.c != nil && len(in.c.buf) > napSize && in.pos == in.end && in.idle() {
		in.retire()
		in.c = &chunk{buf: make([]byte, napSize), shelf: in.shelf, out: &in.out}
		in.pos, in.end = 0, 0
	}
}

// idle reports whether all loans of the chunk were returned, and resets it if so.
func (in *intake) idle() bool {
	if in.lent > 0 && in.c.refs.Load() != int64(in.lent) {
		return false
	}
	in.c.refs.Store(0)
	in.lent, in.used = 0, 0
	return true
}

// change continues with another chunk, and copies the unused bytes to it.
func (in *intake) change(size int) {
	next := in.shelf.get(size)
	next.out = &in.out
	n := 0
	if in.c != nil {
		n = copy(next.buf, in.c.buf[in.pos:in.end])
		in.retire()
	}
	in.c, in.pos, in.end = next, 0, n
}

// retire ends the use of the chunk by the reader. When the last loan is returned, the
// chunk is put back on the shelf.
func (in *intake) retire() {
	c := in.c
	in.c = nil
	if in.lent == 0 {
		in.shelf.put(c)
		return
	}
	in.out.Add(1)
	lent := in.lent
	in.lent, in.used = 0, 0
	if c.refs.Add(-int64(lent)) == 0 {
		in.out.Add(-1)
		in.shelf.put(c)
	}
}

// drop retires the last chunk, at the end of the connection.
func (in *intake) drop() {
	if in.c != nil {
		in.retire()
	}
}

// fed records how many bytes were used, and how many the next frame needs.
func (in *intake) fed(used, need int) {
	in.pos += used
	in.need = need
	if need > chunkSize/4 {
		in.size = largeChunk
	} else if need > frame.HeaderSize {
		in.size = chunkSize
	}
}

// lend returns a loan of the chunk, or nil if too many chunks are on loan: then the
// message must be copied.
func (in *intake) lend() transport.Loan {
	if in.out.Load() > lentChunks {
		return nil
	}
	in.lent++
	return in.c
}

// message returns memory for a message in the chunk.
func (in *intake) message() *transport.Message {
	m := in.c.message(in.used)
	in.used++
	return m
}
