// SPDX-License-Identifier: Apache-2.0

package rawmux

import (
	"encoding/binary"
	"fmt"
	"net"
)

// reader reads many frames with one read.
type reader struct {
	conn net.Conn
	buf  []byte // what was read
	at   int    // the start of the next frame
}

func newReader(conn net.Conn) *reader {
	return &reader{conn: conn, buf: make([]byte, 0, chunk)}
}

// next returns the next frame that has been read completely, without reading. The body
// is valid until the next fill.
func (r *reader) next() (id uint32, body []byte, ok bool, err error) {
	rest := r.buf[r.at:]
	if len(rest) < headSize {
		return 0, nil, false, nil
	}
	length := int(binary.BigEndian.Uint32(rest))
	if length > maxBody {
		return 0, nil, false, fmt.Errorf("rawmux: frame of %d bytes; the limit is %d", length, maxBody)
	}
	end := headSize + length
	if len(rest) < end {
		return 0, nil, false, nil
	}
	r.at += end
	return binary.BigEndian.Uint32(rest[4:]), rest[headSize:end], true, nil
}

// fill reads more bytes.
func (r *reader) fill() error {
	kept := copy(r.buf, r.buf[r.at:])
	r.buf, r.at = r.buf[:kept], 0
	if kept == cap(r.buf) { // a frame larger than the buffer; next has checked its length
		grown := make([]byte, kept, 2*cap(r.buf))
		copy(grown, r.buf)
		r.buf = grown
	}
	n, err := r.conn.Read(r.buf[kept:cap(r.buf)])
	r.buf = r.buf[:kept+n]
	return err
}
