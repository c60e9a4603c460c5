// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"sync"
	"sync/atomic"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

const (
	// chunkSize is how much is read at once.
	chunkSize = 64 << 10
	// largeChunk takes the place of chunkSize where frames are large.
	largeChunk = 256 << 10
	// keptChunks is how many free chunks of each size a transport keeps.
	keptChunks = 64
	// lentChunks is how many chunks of a connection may be full and still be
	// read by receivers; then what comes is copied, so that a slow receiver of
	// a few bytes does not hold on to a chunk.
	lentChunks = 64
	// napSize is how much of a chunk a connection keeps on which nothing
	// happens.
	napSize = 512
	// leastRoom is what must be left of a chunk to read into it once more.
	leastRoom = 8 << 10
	// messageBlock is how many messages are allocated at once.
	messageBlock = 64
)

// chunk is memory into which a connection reads and from which receivers read
// what was delivered to them. It is a [transport.Loan] of each.
type chunk struct {
	buf      []byte
	refs     atomic.Int64 // loans given back; the reader adds what it has lent, negated, when it is done
	shelf    *shelf
	out      *atomic.Int64 // how many chunks of the connection are lent out
	messages []*[messageBlock]transport.Message
}

// Return implements [transport.Loan].
func (c *chunk) Return() {
	if c.refs.Add(1) == 0 {
		c.out.Add(-1)
		c.shelf.put(c)
	}
}

// message returns the memory of the n-th message that lies in the chunk.
func (c *chunk) message(n int) *transport.Message {
	for n/messageBlock >= len(c.messages) {
		c.messages = append(c.messages, new([messageBlock]transport.Message))
	}
	return &c.messages[n/messageBlock][n%messageBlock]
}

// shelf keeps free chunks, and other memory for all connections.
type shelf struct {
	mu    sync.Mutex
	small []*chunk
	large []*chunk

	segments sync.Pool // of *[]byte, for what is to be written, see session.Config
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
	s.mu.Lock()
	if len(*list) < keptChunks {
		*list = append(*list, c)
	}
	s.mu.Unlock()
}

// intake is the reader's place in its chunk. Only the goroutine that reads
// touches it.
type intake struct {
	shelf *shelf
	c     *chunk
	pos   int // what was used
	end   int // what was read
	lent  int // loans of c
	used  int // messages of c
	need  int // bytes of the frame at pos, 0 if not known
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
	default: // it is awake
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

// nap gives the chunk up while nothing comes, for the beginning of what will.
func (in *intake) nap() {
	if in.c != nil && len(in.c.buf) > napSize && in.pos == in.end && in.idle() {
		in.retire()
		in.c = &chunk{buf: make([]byte, napSize), shelf: in.shelf, out: &in.out}
		in.pos, in.end = 0, 0
	}
}

// idle reports whether all loans of the chunk have come back, and makes it as
// good as new if so.
func (in *intake) idle() bool {
	if in.lent > 0 && in.c.refs.Load() != int64(in.lent) {
		return false
	}
	in.c.refs.Store(0)
	in.lent, in.used = 0, 0
	return true
}

// change goes on in another chunk, with what was read but not used.
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

// retire gives the chunk up; the last receiver puts it back.
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

// drop gives up what is left at the end of the connection.
func (in *intake) drop() {
	if in.c != nil {
		in.retire()
	}
}

// fed notes what was used of the chunk and what is needed next.
func (in *intake) fed(used, need int) {
	in.pos += used
	in.need = need
	if need > chunkSize/4 {
		in.size = largeChunk
	} else if need > frame.HeaderSize {
		in.size = chunkSize
	}
}

// lend returns a loan of the chunk, or nil where too much is on loan already:
// then what lies in it must be copied.
func (in *intake) lend() transport.Loan {
	if in.out.Load() > lentChunks {
		return nil
	}
	in.lent++
	return in.c
}

// message returns memory for a message that lies in the chunk.
func (in *intake) message() *transport.Message {
	m := in.c.message(in.used)
	in.used++
	return m
}
