// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

// Source reads the fields of a payload one after the other. After an invalid field it
// returns zeros, so that it is enough to call Bad at the end.
type Source struct {
	b   []byte
	bad bool
}

// From returns a source for b.
func From(b []byte) Source { return Source{b: b} }

// Uint reads an unsigned varint.
func (s *Source) Uint() uint64 {
	if len(s.b) > 0 && s.b[0] < 0x80 {
		v := s.b[0]
		s.b = s.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(s.b)
	if n <= 0 {
		s.fail()
		return 0
	}
	s.b = s.b[n:]
	return v
}

// cutUint splits an unsigned varint off a string that was checked before.
func cutUint(s string) (v uint64, rest string) {
	i := 0
	for ; s[i] >= 0x80; i++ {
		v |= uint64(s[i]&0x7f) << (7 * i)
	}
	return v | uint64(s[i])<<(7*i), s[i+1:]
}

// Size reads a varint that is a count or an index: more than limit is invalid.
func (s *Source) Size(limit int) int {
	v := s.Uint()
	if v > uint64(limit) {
		s.fail()
		return 0
	}
	return int(v)
}

// Bytes reads a length and as many bytes. They are a part of the slice given to From.
func (s *Source) Bytes() []byte {
	n := s.Size(len(s.b))
	p := s.b[:min(n, len(s.b))]
	s.b = s.b[len(p):]
	return p
}

// Rest returns all remaining bytes.
func (s *Source) Rest() []byte {
	p := s.b
	s.b = nil
	return p
}

// Len returns how many bytes remain.
func (s *Source) Len() int { return len(s.b) }

// Bad reports whether a field was invalid.
func (s *Source) Bad() bool { return s.bad }

func (s *Source) fail() { s.b, s.bad = nil, true }

// AppendBytes appends a length and as many bytes.
func AppendBytes(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
