// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
)

const (
	// maxChunkLine bounds the line with a chunk's size and extensions, in bytes.
	maxChunkLine = 4 << 10
	// The framing of chunks may take chunkSlack bytes and chunkPerByte bytes for each
	// byte of the body; more is treated as an attack (net/http has a similar limit).
	chunkSlack   = 64 << 10
	chunkPerByte = 16
)

// ReadBody reads the body of the message whose head h was read last. It is in the
// reader's buffer and valid until the next ReadHead. For a body without a length it
// reads up to the end of the stream, and sets h.Close. The errors match
// [transport.ErrTooLarge], [transport.ErrProtocol], io.ErrUnexpectedEOF or that of
// the source.
func (r *Reader) ReadBody(h *Head) ([]byte, error) {
	var body []byte
	var err error
	switch {
	case h.Status == 204 || h.Status == 304 || h.Status > 0 && h.Status < 200:
		return nil, nil
	case h.Chunked:
		body, err = r.readChunked()
	case h.Length > int64(r.limits.Message):
		return nil, tooLarge("body", r.limits.Message)
	case h.Length >= 0:
		body, err = r.readFixed(int(h.Length))
	case h.Status == 0:
		return nil, nil // a request without a length has no body
	default:
		h.Close = true
		body, err = r.readAll()
	}
	if err == nil && len(r.buf) > keepBuffer {
		// The caller keeps the buffer with the body, the reader gets a small one.
		r.replace(max(minBuffer, r.Buffered()))
	}
	return body, err
}

// readFixed reads n bytes.
func (r *Reader) readFixed(n int) ([]byte, error) {
	for r.w-r.r < n {
		if err := r.more(n); err != nil {
			return nil, cutOff(r.w-r.r, err)
		}
	}
	body := r.buf[r.r : r.r+n : r.r+n]
	r.r += n
	return body, nil
}

// readAll reads until the end of the stream.
func (r *Reader) readAll() ([]byte, error) {
	for {
		have := r.w - r.r
		if have > r.limits.Message {
			return nil, tooLarge("body", r.limits.Message)
		}
		err := r.more(have + 1)
		if errors.Is(err, io.EOF) {
			return r.readFixed(have)
		}
		if err != nil {
			return nil, cutOff(have, err)
		}
	}
}

// chunks decodes a chunked body in place: it moves the data of the chunks together, so
// that the framing between them is overwritten.
type chunks struct {
	r          *Reader
	start, end int // the decoded body is r.buf[start:end]
	framing    int // bytes of framing read so far
}

func (r *Reader) readChunked() ([]byte, error) {
	c := chunks{r: r, start: r.r, end: r.r}
	for {
		size, err := c.size()
		if err != nil {
			return nil, err
		}
		if size == 0 {
			break
		}
		if err := c.data(size); err != nil {
			return nil, err
		}
	}
	if err := c.trailer(); err != nil {
		return nil, err
	}
	return r.buf[c.start:c.end:c.end], nil
}

// more reads more bytes. If there is no free space at the end of the buffer, the body
// and the unread bytes are moved to its beginning, or to a larger buffer.
func (c *chunks) more() error {
	r := c.r
	if r.w == len(r.buf) {
		body, rest := c.end-c.start, r.w-r.r
		to := r.buf
		if body+rest > len(r.buf)/2 {
			to = make([]byte, roundUp(2*(body+rest)))
		}
		copy(to, r.buf[c.start:c.end])
		copy(to[body:], r.buf[r.r:r.w])
		r.buf, c.start, c.end, r.r, r.w = to, 0, body, body, body+rest
	}
	if err := r.more(r.w - r.r + 1); err != nil {
		return cutOff(c.end-c.start, err)
	}
	return nil
}

// line returns the next line without CR LF.
func (c *chunks) line(limit int) ([]byte, error) {
	searched := 0
	for {
		unread := c.r.buf[c.r.r:c.r.w]
		if i := bytes.IndexByte(unread[searched:], '\n'); i >= 0 {
			i += searched
			if i == 0 || unread[i-1] != '\r' {
				return nil, broken("chunk line %q does not end in CR LF", clip(unread))
			}
			c.r.r += i + 1
			c.framing += i + 1
			if c.framing > chunkSlack+chunkPerByte*(c.end-c.start) {
				return nil, broken("%d bytes of chunk framing for %d bytes of body", c.framing, c.end-c.start)
			}
			return unread[:i-1], nil
		}
		if len(unread) > limit {
			return nil, tooLarge("chunk line", limit)
		}
		searched = len(unread)
		if err := c.more(); err != nil {
			return nil, err
		}
	}
}

// size reads the first line of a chunk and returns the size in it.
func (c *chunks) size() (int, error) {
	line, err := c.line(maxChunkLine)
	if err != nil {
		return 0, err
	}
	digits := 0
	n := 0
	for ; digits < len(line); digits++ {
		d, ok := hex(line[digits])
		if !ok {
			break
		}
		// It is checked after each digit, so that n cannot overflow.
		if n = n<<4 | d; n > c.r.limits.Message {
			return 0, tooLarge("chunk", c.r.limits.Message)
		}
	}
	ext := bytes.TrimLeft(line[digits:], " \t")
	if digits == 0 || len(ext) > 0 && ext[0] != ';' || !plain(ext) {
		return 0, broken("chunk size line %q", clip(line))
	}
	if n > c.r.limits.Message-(c.end-c.start) {
		return 0, tooLarge("body", c.r.limits.Message)
	}
	return n, nil
}

// data moves one chunk of n bytes and its line end to the body.
func (c *chunks) data(n int) error {
	for n > 0 {
		if c.r.r == c.r.w {
			if err := c.more(); err != nil {
				return err
			}
		}
		k := min(n, c.r.w-c.r.r)
		copy(c.r.buf[c.end:], c.r.buf[c.r.r:c.r.r+k])
		c.end += k
		c.r.r += k
		n -= k
	}
	for c.r.w-c.r.r < 2 {
		if err := c.more(); err != nil {
			return err
		}
	}
	if c.r.buf[c.r.r] != '\r' || c.r.buf[c.r.r+1] != '\n' {
		return broken("chunk is longer than its size")
	}
	c.r.r += 2
	c.framing += 2
	return nil
}

// trailer reads and discards the fields after the last chunk, as go-micro does.
func (c *chunks) trailer() error {
	for total, count := 0, 0; ; count++ {
		line, err := c.line(c.r.limits.Header)
		if err != nil || len(line) == 0 {
			return err
		}
		if total += len(line) + 2; total > c.r.limits.Header || count == maxFields {
			return tooLarge("trailer", c.r.limits.Header)
		}
		if _, _, err := splitLine(line); err != nil {
			return err
		}
	}
}

func hex(c byte) (int, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}
