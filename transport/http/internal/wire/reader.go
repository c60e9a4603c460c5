// SPDX-License-Identifier: Apache-2.0

// Package wire implements the framing of HTTP/1.1 messages on a byte stream: it reads
// heads and bodies into one buffer per connection, and writes header fields. Sockets,
// deadlines and the meaning of messages are the caller's concern.
package wire

import (
	"bytes"
	"io"
	"slices"

	"example.com/mailcall/transport"
)

const (
	// minBuffer is the first size of a read buffer in bytes: enough for the head and
	// the body of a small reply, and little memory for a waiting connection.
	minBuffer = 1 << 10
	// stepBuffer is how much memory is allocated for the announced length of a long
	// message before any of it has been received.
	stepBuffer = 64 << 10
	// keepBuffer is the largest buffer that a connection keeps. The buffer of a longer
	// message is not reused.
	keepBuffer = 256 << 10
	// shrinkAfter is how many successive messages must need less than a quarter of the
	// buffer before it is replaced by a smaller one.
	shrinkAfter = 16
	// maxEmptyReads bounds successive reads that return neither bytes nor an error.
	maxEmptyReads = 100
)

// Limits are the limits of a Reader, in bytes.
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
	start  int    // where in buf the current message begins
	prev   []byte // the block that was parsed last
	parser parser
	header transport.Header // a copy for the caller, who may modify it
	calm   int              // successive messages that needed little of buf
	peak   int              // the most that one of them needed
	ended  error            // returned by src together with bytes
}

// NewReader returns a reader of responses, or of requests if requests is true.
func NewReader(src io.Reader, limits Limits, requests bool) *Reader {
	return &Reader{src: src, limits: limits, parser: parser{request: requests}}
}

// Buffered returns how many bytes were read from the source and not yet used.
func (r *Reader) Buffered() int { return r.w - r.r }

// Ended reports whether the source has returned an error together with its last bytes.
// A TLS connection does so if the peer's close_notify follows them directly.
func (r *Reader) Ended() bool { return r.ended != nil }

// Header returns the fields of the head that was read last, without those that only
// frame the message. It is valid until the next ReadHead, and may be modified.
func (r *Reader) Header() transport.Header { return slices.Clip(r.header) }

// Status returns the last status line without the version: "200 OK".
func (r *Reader) Status() string {
	line, _, _ := bytes.Cut(r.prev, []byte{'\r'})
	return string(bytes.TrimRight(line[min(len(line), 9):], " "))
}

// ReadHead reads the first line and the fields of the next message. The head is valid
// until the next call. At the end of the stream it returns a bare io.EOF, unless a part
// of the message has been received. Other errors match [transport.ErrTooLarge],
// [transport.ErrProtocol], io.ErrUnexpectedEOF or that of the source.
func (r *Reader) ReadHead() (*Head, error) {
	r.settle()
	r.start = r.r
	searched := 0
	for {
		block := r.buf[r.r:r.w]
		if n := len(r.prev); n > 0 && len(block) >= n && bytes.Equal(block[:n], r.prev) {
			r.r += n
			r.copyHeader()
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

// take parses the first n unread bytes, which are a whole block.
func (r *Reader) take(n int) (*Head, error) {
	if n > r.limits.Header {
		return nil, tooLarge("header", r.limits.Header)
	}
	block := r.buf[r.r : r.r+n]
	if err := r.parser.parse(block); err != nil {
		return nil, err
	}
	r.r += n
	// The memory of a rare very large block is not kept.
	if cap(r.prev) > 4*minBuffer && n <= minBuffer {
		r.prev, r.header, r.parser.next = nil, nil, nil
	}
	r.prev = append(r.prev[:0], block...)
	r.copyHeader()
	return &r.parser.head, nil
}

// copyHeader copies the fields that are part of the message to r.header, which the caller
// may modify.
func (r *Reader) copyHeader() {
	out := r.header[:0]
	for _, f := range r.parser.fields {
		if Framing(f.Name) && (!r.parser.request || f.Name != "Content-Length") {
			continue
		}
		out = append(out, f)
	}
	r.header = out
}

// plausible checks that an incomplete block can still become a valid one, so that
// garbage is an error at once and not when the deadline passes.
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

// room makes space for need unread bytes, or for a part of them if they are many and
// have only been announced.
func (r *Reader) room(need int) {
	have := r.w - r.r
	need = min(need, max(stepBuffer, 2*have))
	if len(r.buf)-r.r >= need {
		return
	}
	// There must be room for the head as well, so that the next message of this size
	// can be received in one read.
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

// roundUp returns the size of a buffer for n bytes: a power of two if it is small,
// else a multiple of the page size.
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

// settle prepares the buffer for the next message, and may replace it by a smaller one.
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

// replace moves the unread bytes to a new buffer of at least size bytes.
func (r *Reader) replace(size int) {
	fresh := make([]byte, roundUp(size))
	r.w = copy(fresh, r.buf[r.r:r.w])
	r.buf, r.r = fresh, 0
}
