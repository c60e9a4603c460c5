// SPDX-License-Identifier: Apache-2.0

// Package wire is the framing of HTTP/1.1 messages over a byte stream: it
// reads heads and bodies into one buffer per connection and writes header
// fields. It knows nothing of sockets, deadlines or what a message means.
package wire

import (
	"bytes"
	"io"
	"slices"

	"example.com/mailcall/transport"
)

const (
	// minBuffer is the first size of a read buffer: the head and the body of
	// a small reply, so that a waiting connection stays cheap.
	minBuffer = 1 << 10
	// stepBuffer is how much memory the announcement of a long message gets
	// before the first byte of it has come.
	stepBuffer = 64 << 10
	// keepBuffer is the largest buffer that a connection keeps. A longer
	// message takes its buffer with it.
	keepBuffer = 256 << 10
	// shrinkAfter is how many messages in a row must need less than a
	// quarter of the buffer before it becomes smaller.
	shrinkAfter = 16
	// maxEmptyReads bounds reads that bring neither bytes nor an error.
	maxEmptyReads = 100
)

// Limits bound what a Reader takes, in bytes.
type Limits struct {
	// Header bounds the first line and the fields together.
	Header int
	// Message bounds the body.
	Message int
}

// Reader reads messages from src. It is used by one goroutine at a time.
type Reader struct {
	src    io.Reader
	limits Limits
	buf    []byte // unread bytes are buf[r:w]
	r, w   int
	start  int    // where the message that is being read began
	prev   []byte // the block that parser holds the fields of
	parser parser
	header transport.Header // what was handed out, the caller may change it
	calm   int              // messages in a row that needed little
	peak   int              // the most that one of them needed
	ended  error            // came from src together with bytes
}

// NewReader returns a reader of responses, or of requests.
func NewReader(src io.Reader, limits Limits, requests bool) *Reader {
	return &Reader{src: src, limits: limits, parser: parser{request: requests}}
}

// Buffered is how many bytes were read from the source and not yet used.
func (r *Reader) Buffered() int { return r.w - r.r }

// Ended reports whether the source said, together with its last bytes, that
// there will be no more; TLS does so when the peer's goodbye is right behind.
func (r *Reader) Ended() bool { return r.ended != nil }

// Header is the header of the last head that was read, without the fields
// that only frame the message. It is valid until the next ReadHead.
func (r *Reader) Header() transport.Header { return slices.Clip(r.header) }

// Status is the last status line without its version: "200 OK".
func (r *Reader) Status() string {
	line, _, _ := bytes.Cut(r.prev, []byte{'\r'})
	return string(bytes.TrimRight(line[min(len(line), 9):], " "))
}

// ReadHead reads the first line and the fields of the next message. At the end
// of the stream it returns io.EOF, bare, if no byte of the message has come.
func (r *Reader) ReadHead() (*Head, error) {
	r.settle()
	r.start = r.r
	searched := 0
	for {
		block := r.buf[r.r:r.w]
		if n := len(r.prev); n > 0 && len(block) >= n && bytes.Equal(block[:n], r.prev) {
			r.r += n
			r.hand()
			return &r.parser.head, nil
		}
		if i := bytes.Index(block[searched:], []byte("\r\n\r\n")); i >= 0 {
			return r.take(searched + i + 4)
		}
		if err := plausible(block, searched, r.parser.request); err != nil {
			return nil, err
		}
		if len(block) > r.limits.Header {
			return nil, tooLarge("header", r.limits.Header)
		}
		searched = max(0, len(block)-3)
		if err := r.more(len(block) + 1); err != nil {
			if len(block) == 0 {
				return nil, err
			}
			return nil, cutOff(len(block), err)
		}
	}
}

// take parses the block of n bytes that begins the unread ones.
func (r *Reader) take(n int) (*Head, error) {
	if n > r.limits.Header {
		return nil, tooLarge("header", r.limits.Header)
	}
	block := r.buf[r.r : r.r+n]
	if err := r.parser.parse(block); err != nil {
		return nil, err
	}
	r.r += n
	// A rare giant block must not stay with the connection.
	if cap(r.prev) > 4*minBuffer && n <= minBuffer {
		r.prev, r.header, r.parser.next = nil, nil, nil
	}
	r.prev = append(r.prev[:0], block...)
	r.hand()
	return &r.parser.head, nil
}

// hand copies the fields that are part of the message to where the caller may
// change them.
func (r *Reader) hand() {
	out := r.header[:0]
	for _, f := range r.parser.fields {
		if Framing(f.Name) && (!r.parser.request || f.Name != "Content-Length") {
			continue
		}
		out = append(out, f)
	}
	r.header = out
}

// plausible looks at an incomplete block for what can never become a valid
// one, so that garbage is an error at once and not when the deadline passes.
func plausible(block []byte, searched int, request bool) error {
	const prefix = "HTTP/1."
	if n := min(len(block), len(prefix)); !request && string(block[:n]) != prefix[:n] {
		return broken("not an HTTP/1 response: %q", clip(block))
	}
	for at := searched; ; {
		i := bytes.IndexByte(block[at:], '\n')
		if i < 0 {
			return nil
		}
		at += i
		if at == 0 || block[at-1] != '\r' {
			return broken("line %q does not end in CR LF", clip(block))
		}
		at++
	}
}

// more reads at least one byte, making room for need unread bytes in all.
func (r *Reader) more(need int) error {
	if r.ended != nil {
		return r.ended
	}
	r.room(need)
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[r.w:])
		if n > 0 {
			r.w += n
			r.ended = err
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// room makes space for need unread bytes, or for a good part of them when they
// are many and have only been announced.
func (r *Reader) room(need int) {
	have := r.w - r.r
	need = min(need, max(stepBuffer, 2*have))
	if len(r.buf)-r.r >= need {
		return
	}
	// A buffer that would take the message without its head is too small: the
	// next one like it shall come in one read.
	whole := need + max(r.r-r.start, 0)
	if whole <= len(r.buf) {
		copy(r.buf, r.buf[r.r:r.w])
	} else {
		bigger := make([]byte, roundUp(whole))
		copy(bigger, r.buf[r.r:r.w])
		r.buf = bigger
	}
	r.r, r.w, r.start = 0, have, 0
}

// roundUp returns a buffer size for n bytes: powers of two for the small ones,
// pages for the others.
func roundUp(n int) int {
	if n > stepBuffer {
		return (n + 4095) &^ 4095
	}
	size := minBuffer
	for size < n {
		size *= 2
	}
	return size
}

// settle prepares the buffer for the next message.
func (r *Reader) settle() {
	used := r.r
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if len(r.buf) <= 4*minBuffer {
		return
	}
	if used > len(r.buf)/4 {
		r.calm, r.peak = 0, 0
		return
	}
	r.calm, r.peak = r.calm+1, max(r.peak, used)
	if r.calm >= shrinkAfter {
		r.replace(max(2*r.peak, r.Buffered()))
		r.calm, r.peak = 0, 0
	}
}

// replace moves the unread bytes to a new buffer for size bytes.
func (r *Reader) replace(size int) {
	fresh := make([]byte, roundUp(size))
	r.w = copy(fresh, r.buf[r.r:r.w])
	r.buf, r.r = fresh, 0
}
