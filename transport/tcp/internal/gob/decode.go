// SPDX-License-Identifier: Apache-2.0

package gob

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"example.com/mailcall/transport"
)

// maxDefinition bounds the bytes of one type definition.
const maxDefinition = 8 << 10

// firstRead is how much memory is allocated for a segment before its bytes are received.
const firstRead = 64 << 10

// decoder reads messages. It allocates at most a small multiple of what it has received,
// within the limits.
type decoder struct {
	src    *bufio.Reader
	prefix []byte // the rest of Options.Prefix
	max    int    // the largest body in bytes
	types  types
	seg    []byte // the segment of the last message
	header transport.Header
}

// next reads the next message. At the end of the stream it returns io.EOF.
func (d *decoder) next(m *transport.Message) error {
	for first := true; ; first = false {
		if err := d.segment(first); err != nil {
			return err
		}
		c := cursor{b: d.seg}
		id, err := c.int()
		if err == nil && id < 0 {
			if err = d.types.define(-id, &c); err == nil {
				continue
			}
		}
		if err == nil {
			err = d.message(id, &c, m)
		}
		if err != nil && !errors.Is(err, transport.ErrTooLarge) {
			err = fmt.Errorf("%w: gob: %w", transport.ErrProtocol, err)
		}
		return err
	}
}

// segment reads one length and the bytes it counts into d.seg.
func (d *decoder) segment(first bool) error {
	if cap(d.seg) > keptBuffer {
		d.seg = nil
	}
	n, err := d.length()
	if err != nil {
		if err == io.EOF && !first { //nolint:errorlint // a bare one is all that bufio returns
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	// 64 bytes are for the numbers of the type and the fields, and for lengths.
	if limit := uint64(d.max) + MaxHeader + 64; n > limit {
		return fmt.Errorf("%w: gob segment of %d bytes, the limit is %d", transport.ErrTooLarge, n, limit)
	}
	if d.seg, err = fill(d.seg[:0], d.src, int(n)); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// fill reads n bytes into b, which grows as they are received.
func fill(b []byte, src io.Reader, n int) ([]byte, error) {
	for len(b) < n {
		size := min(n, max(firstRead, 2*len(b)))
		if cap(b) < size {
			b = append(make([]byte, 0, max(size, 512)), b...)
		}
		got, err := io.ReadFull(src, b[len(b):size])
		b = b[:len(b)+got]
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// length reads the number before a segment.
func (d *decoder) length() (uint64, error) {
	head, err := d.src.ReadByte()
	if err != nil || head < 0x80 {
		return uint64(head), err
	}
	count := -int(int8(head))
	if count > 8 {
		return 0, fmt.Errorf("%w: gob: a length in %d bytes", transport.ErrProtocol, count)
	}
	var n uint64
	for range count {
		b, err := d.src.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	return n, nil
}

// message reads the value of a struct into m.
func (d *decoder) message(id int64, c *cursor, m *transport.Message) error {
	t := d.types.known[id]
	if !d.types.isMessage(t) {
		return fmt.Errorf("type %d is not a message", id)
	}
	d.header = d.header[:0]
	var body []byte
	for at := -1; ; {
		field, err := c.field(&at, t)
		if err != nil {
			return err
		}
		switch {
		case field == nil:
			if len(c.b) > 0 {
				return fmt.Errorf("%d bytes after a message", len(c.b))
			}
			m.Header, m.Body, m.Trailer = d.header, body, nil
			return nil
		case at == t.header:
			err = d.fields(c)
		case at == t.body:
			if body, err = c.bytes(); err == nil && len(body) > d.max {
				err = fmt.Errorf("%w: body of %d bytes, the limit is %d", transport.ErrTooLarge, len(body), d.max)
			}
		default:
			err = d.types.skip(c, *field, 0)
		}
		if err != nil {
			return err
		}
	}
}

// fields reads the header.
func (d *decoder) fields(c *cursor) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	if n > MaxFields {
		return fmt.Errorf("%w: header of %d fields, the limit is %d", transport.ErrTooLarge, n, MaxFields)
	}
	// The end of the header is found first, so that all fields can share one string.
	end := *c
	for range 2 * n {
		if _, err := end.bytes(); err != nil {
			return err
		}
	}
	size := len(c.b) - len(end.b)
	if size > MaxHeader {
		return fmt.Errorf("%w: header of %d bytes, the limit is %d", transport.ErrTooLarge, size, MaxHeader)
	}
	text := string(c.b[:size])
	whole := len(c.b)
	cut := func() string {
		b, _ := c.bytes() // cannot fail: the first pass has checked it
		stop := whole - len(c.b)
		return text[stop-len(b) : stop]
	}
	for range n {
		name := cut()
		d.header = append(d.header, transport.Field{Name: name, Value: cut()})
	}
	return nil
}
