// SPDX-License-Identifier: Apache-2.0

package gob

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net"
	"slices"

	"example.com/mailcall/transport"
)

// oneWrite is the size in bytes up to which a body is copied after its header.
const oneWrite = 16 << 10

// definitions are the definitions of the two types by a new gob encoder: the struct has
// number 64, its map number 65.
const definitions = "\x29\x7f\x03\x01\x01\x07Message\x01\xff\x80\x00\x01\x02" +
	"\x01\x06Header\x01\xff\x82\x00" + "\x01\x04Body\x01\x0a\x00\x00\x00" +
	"\x21\xff\x81\x04\x01\x01\x11map[string]string\x01\xff\x82\x00\x01\x0c\x01\x0c\x00\x00"

const (
	messageID = "\xff\x80" // the type number 64, before each value
	nextField = 1          // the difference of a field number to the previous one
	endFields = 0
)

// encoder encodes messages.
type encoder struct {
	defined bool // the definitions have been written
	order   []transport.Field
	b       []byte
	vec     [3][]byte
}

// encode encodes a message for writeTo. It modifies only memory that free releases, so
// that the stream remains valid if it fails.
func (e *encoder) encode(m *transport.Message, maxBody int) error {
	if len(m.Body) > maxBody {
		return fmt.Errorf("%w: body of %d bytes, the limit is %d", transport.ErrTooLarge, len(m.Body), maxBody)
	}
	if len(m.Header) > MaxFields {
		return fmt.Errorf("%w: header of %d fields, the limit is %d", transport.ErrTooLarge, len(m.Header), MaxFields)
	}
	e.sorted(m.Header)
	header := 0
	for i := range e.order {
		f := &e.order[i]
		header += uintLen(len(f.Name)) + len(f.Name) + uintLen(len(f.Value)) + len(f.Value)
	}
	if header > MaxHeader {
		return fmt.Errorf("%w: header of %d bytes, the limit is %d", transport.ErrTooLarge, header, MaxHeader)
	}
	length := len(messageID) + 1 + uintLen(len(e.order)) + header + 1
	if len(m.Body) > 0 {
		length += 1 + uintLen(len(m.Body)) + len(m.Body)
	}
	b := e.b[:0]
	if !e.defined {
		b = append(b, definitions...)
	}
	b = append(appendUint(b, length), messageID...)
	b = appendUint(append(b, nextField), len(e.order))
	for i := range e.order {
		f := &e.order[i]
		b = append(appendUint(b, len(f.Name)), f.Name...)
		b = append(appendUint(b, len(f.Value)), f.Value...)
	}
	e.finish(b, m.Body)
	return nil
}

// finish appends the body; a long one is not copied.
func (e *encoder) finish(b, body []byte) {
	if len(body) > 0 {
		b = appendUint(append(b, nextField), len(body))
	}
	if len(body) > oneWrite {
		e.vec[1] = body
		e.vec[2] = []byte{endFields}
	} else {
		b = append(append(b, body...), endFields)
	}
	e.b, e.vec[0] = b, b
}

// sorted puts the fields to send into e.order, each name once.
func (e *encoder) sorted(h transport.Header) {
	e.order = e.order[:0]
	for _, f := range h {
		if f.Name == "" || f.Name[0] != ':' {
			e.order = append(e.order, f)
		}
	}
	// Stable, so that of two fields with the same name the first one is kept.
	slices.SortStableFunc(e.order, compareNames)
	e.order = slices.CompactFunc(e.order, func(a, b transport.Field) bool { return compareNames(a, b) == 0 })
}

// compareNames compares without regard to ASCII case.
func compareNames(a, b transport.Field) int {
	for i := range min(len(a.Name), len(b.Name)) {
		if c := int(lower(a.Name[i])) - int(lower(b.Name[i])); c != 0 {
			return c
		}
	}
	return len(a.Name) - len(b.Name)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// writeTo writes the message that encode has encoded.
func (e *encoder) writeTo(raw net.Conn) (n int64, err error) {
	e.defined = true
	if e.vec[1] == nil {
		w, err := raw.Write(e.b)
		return int64(w), err
	}
	bufs := net.Buffers(e.vec[:])
	return bufs.WriteTo(raw)
}

// free drops the references to the message.
func (e *encoder) free() {
	clear(e.order)
	e.order = e.order[:0]
	e.vec = [3][]byte{}
	if cap(e.b) > keptBuffer {
		e.b = nil
	}
}

// appendUint appends n in gob's encoding: a small number as one byte, others as the
// negated number of bytes and then the bytes in big-endian order.
func appendUint(b []byte, n int) []byte {
	u := uint64(n)
	if u < 0x80 {
		return append(b, byte(u))
	}
	count := uintLen(n) - 1
	var full [8]byte
	binary.BigEndian.PutUint64(full[:], u)
	return append(append(b, byte(-count)), full[8-count:]...)
}

// uintLen returns how many bytes appendUint appends.
func uintLen(n int) int {
	if u := uint64(n); u >= 0x80 {
		return 1 + (bits.Len64(u)+7)/8
	}
	return 1
}
