// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"example.com/mailcall/transport"
)

const (
	// MaxTable is the largest number of blocks in a table.
	MaxTable = 64
	// MaxFields is the largest number of fields in a block.
	MaxFields = 256
	// MaxHead is the largest head of a frame in bytes: its length has 16 bits.
	MaxHead = 1<<16 - 1
	// maxVariables is the largest number of values of a block that are sent as numbers,
	// besides the timeout.
	maxVariables = 4
	// maxKept bounds the names and values of a block in the table, in bytes.
	maxKept = 8 << 10

	formLiteral = 0
	formDefine  = 1
	formKnown   = 2 // + 2 * index + 1 with changes

	valueLiteral  = 0
	valueVariable = 1
	valueTimeout  = 2
	valueStatic   = 2 // + the number of the value

	noIndex = -1
)

// ErrHeader is matched if a header has too many fields or bytes to be sent.
var ErrHeader = errors.New("header over the limits of the protocol")

// Encoder writes the header blocks of one direction of a connection. Blocks must reach
// the peer in the order in which they were written. Make it with [NewEncoder].
type Encoder struct {
	size    int // of the table: a power of two, 0: there is none
	entries [MaxTable]entry
	met     [MaxTable]uint64 // hashes of headers that were sent once
	now     scan
	last    int  // index of the block that was sent last, or noIndex
	hit     bool // the header is the last one except for numbers
}

// entry is a block in the table of both sides.
type entry struct {
	hash   uint64
	fields []field
}

type field struct {
	name, value string
	kind        uint8 // one of the value constants; valueLiteral if the value is compared
	volatile    bool  // a literal that may be a number next time
	isTimeout   bool  // a number that may be the frame's timeout next time
}

// scan is the result of examining a header.
type scan struct {
	hash    uint64
	n       int                  // number of variables
	pos     [maxVariables]int    // their indexes in the header
	val     [maxVariables]uint64 // and values
	timeout int                  // index of the field that is the frame's timeout, or noIndex
}

// NewEncoder returns an encoder for a peer with a table of the given number of blocks.
// It uses at most [MaxTable], rounded down to a power of two.
func NewEncoder(table int) *Encoder {
	e := &Encoder{size: min(table, MaxTable), last: noIndex}
	for e.size&(e.size-1) != 0 {
		e.size &= e.size - 1
	}
	return e
}

// Append appends the block of h, which Look must have examined just before. The error
// matches [ErrHeader].
func (e *Encoder) Append(b []byte, h transport.Header) ([]byte, error) {
	s := &e.now
	if e.hit {
		return s.values(binary.AppendUvarint(b, uint64(formKnown+2*e.last))), nil
	}
	e.last = noIndex
	if e.size > 0 {
		at := int(s.hash>>40) & (e.size - 1)
		if known := &e.entries[at]; known.hash == s.hash && known.fields != nil {
			if out, ok := e.known(b, h, known, at); ok {
				e.last = at
				return out, nil
			}
		}
		if e.met[at] == s.hash && e.learn(h, at) {
			b = append(b, formDefine)
			b = binary.AppendUvarint(b, uint64(at))
			return e.literal(b, h)
		}
		e.met[at] = s.hash
	}
	return e.literal(append(b, formLiteral), h)
}

// known appends h as the block k of the table, with changes if there are any. It reports
// false if the two differ too much.
func (e *Encoder) known(b []byte, h transport.Header, k *entry, at int) ([]byte, bool) {
	if len(h) != len(k.fields) {
		return b, false
	}
	changed := 0
	next := 0
	s := &e.now
	for i := range h {
		f := &k.fields[i]
		if f.name != h[i].Name {
			return b, false
		}
		switch f.kind {
		case valueTimeout:
			if s.timeout != i {
				return b, false
			}
		case valueVariable:
			if next == s.n || s.pos[next] != i {
				return b, false
			}
			next++
		default:
			if f.value != h[i].Value {
				changed++
			}
		}
	}
	if next != s.n || changed > len(h)/2 {
		return b, false
	}
	form := uint64(formKnown + 2*at)
	if changed > 0 {
		form++
	}
	start := len(b)
	b = binary.AppendUvarint(b, form)
	b = s.values(b)
	if changed > 0 {
		b = k.changes(b, h, changed)
		if len(b)-start > MaxHead/2 {
			return b[:start], false // literal checks the size
		}
	}
	return b, true
}

func (s *scan) values(b []byte) []byte {
	for i := range s.n {
		b = binary.AppendUvarint(b, s.val[i])
	}
	return b
}

func (k *entry) changes(b []byte, h transport.Header, n int) []byte {
	b = binary.AppendUvarint(b, uint64(n))
	for i := range h {
		if f := &k.fields[i]; f.kind == valueLiteral && f.value != h[i].Value {
			b = binary.AppendUvarint(b, uint64(i))
			b = AppendBytes(b, h[i].Value)
		}
	}
	return b
}

// learn puts h into the table. It reports whether h is small enough.
func (e *Encoder) learn(h transport.Header, at int) bool {
	size := 0
	for i := range h {
		size += len(h[i].Name) + len(h[i].Value)
	}
	if size > maxKept/2 || len(h) > MaxFields/4 {
		return false
	}
	k := entry{hash: e.now.hash, fields: make([]field, len(h))}
	for i := range h {
		f := &k.fields[i]
		f.name = strings.Clone(h[i].Name)
		if f.kind = e.now.kind(i); f.kind == valueLiteral {
			f.value = strings.Clone(h[i].Value)
		}
		f.volatile = volatileName(f.name)
		f.isTimeout = f.name == nameTimeout
	}
	e.entries[at] = k
	return true
}

// kind returns how the value of field i is sent.
func (s *scan) kind(i int) uint8 {
	if s.timeout == i {
		return valueTimeout
	}
	for n := range s.n {
		if s.pos[n] == i {
			return valueVariable
		}
	}
	return valueLiteral
}

// literal appends all fields.
func (e *Encoder) literal(b []byte, h transport.Header) ([]byte, error) {
	if len(h) > MaxFields {
		return b, fmt.Errorf("%w: %d fields, the limit is %d", ErrHeader, len(h), MaxFields)
	}
	start := len(b)
	b = binary.AppendUvarint(b, uint64(len(h)))
	for i := range h {
		f := &h[i]
		if n := staticName(f.Name); n != 0 {
			b = binary.AppendUvarint(b, n)
		} else {
			b = AppendBytes(append(b, 0), f.Name)
		}
		switch kind := e.now.kind(i); {
		case kind != valueLiteral:
			b = append(b, kind)
		case staticValue(f.Value) != 0:
			b = binary.AppendUvarint(b, valueStatic+staticValue(f.Value))
		default:
			b = AppendBytes(append(b, valueLiteral), f.Value)
		}
		if len(b)-start > MaxHead/2 {
			return b, fmt.Errorf("%w: more than %d bytes", ErrHeader, MaxHead/2)
		}
	}
	return e.now.values(b), nil
}
