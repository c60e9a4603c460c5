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
	// MaxTable is how many blocks a side remembers at most.
	MaxTable = 64
	// MaxFields is how many fields a block may have.
	MaxFields = 256
	// MaxHead is the length of a head: its length has 16 bits.
	MaxHead = 1<<16 - 1
	// maxVariables is how many values of a block travel as numbers.
	maxVariables = 4
	// maxKept bounds a block that is remembered, names and values together.
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

// ErrHeader is matched when a header cannot be sent.
var ErrHeader = errors.New("header over the limits of the wire")

// Encoder writes the header blocks of one direction of a connection. Blocks
// must reach the peer in the order in which they were written.
type Encoder struct {
	size    int // a power of two, 0: nothing is remembered
	entries [MaxTable]entry
	met     [MaxTable]uint64 // hashes met once
	now     scan
	last    int // the block that was sent last, or noIndex
	hit     bool
}

// entry is a block that the peer remembers too.
type entry struct {
	hash   uint64
	fields []field
}

type field struct {
	name, value string
	kind        uint8 // one of the value constants; literal for all that is compared
	volatile    bool  // a literal that may be a number next time
	isTimeout   bool  // a number that may be that of the frame next time
}

// scan is what one look at a header finds.
type scan struct {
	hash    uint64
	n       int // variables
	pos     [maxVariables]int
	val     [maxVariables]uint64
	timeout int // field that is the frame's timeout, or noIndex
}

// NewEncoder returns an encoder for a peer that remembers table blocks.
func NewEncoder(table int) *Encoder {
	e := &Encoder{size: min(table, MaxTable), last: noIndex}
	for e.size&(e.size-1) != 0 {
		e.size &= e.size - 1
	}
	return e
}

// Look examines the header that Append is to write next. It returns the value
// of its Timeout if that is a number, 0 otherwise: for the frame's own field.
// Without native it is an ordinary variable.
func (e *Encoder) Look(h transport.Header, native bool) (timeout uint64) {
	if timeout, e.hit = e.again(h, native); e.hit {
		return timeout
	}
	s := &e.now
	s.n, s.timeout, s.hash, timeout = 0, noIndex, uint64(len(h)), 0
	for i := range h {
		f := &h[i]
		s.hash = hash(s.hash, f.Name)
		if volatileName(f.Name) {
			v, ok := decimal(f.Value)
			if ok && native && s.timeout == noIndex && f.Name == nameTimeout {
				s.timeout, timeout = i, v
				s.hash++
				continue
			}
			if ok && s.n < maxVariables {
				s.pos[s.n], s.val[s.n] = i, v
				s.n++
				s.hash += 2
			}
			continue
		}
		if stable(f.Name) {
			s.hash = hash(s.hash, f.Value)
		}
	}
	return timeout
}

// again looks whether h is the block that was sent last, but for numbers: what
// is sent again and again needs no more than one comparison.
func (e *Encoder) again(h transport.Header, native bool) (timeout uint64, ok bool) {
	if e.last == noIndex || len(h) != len(e.entries[e.last].fields) {
		return 0, false
	}
	s := &e.now
	s.n = 0
	fields := e.entries[e.last].fields
	for i := range h {
		f := &fields[i]
		if f.name != h[i].Name {
			return 0, false
		}
		switch f.kind {
		case valueLiteral:
			if f.value != h[i].Value || f.volatile {
				return 0, false
			}
		case valueTimeout:
			if timeout, ok = decimal(h[i].Value); !ok || !native {
				return 0, false
			}
		default:
			if s.val[s.n], ok = decimal(h[i].Value); !ok || native && f.isTimeout {
				return 0, false
			}
			s.n++
		}
	}
	return timeout, true
}

// Append writes h, which Look has just seen.
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

// known writes h as a block that the peer has, with changes where there are
// any. It fails if the two do not fit together.
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
			return b[:start], false // literal finds out whether it fits
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

// learn remembers h. It reports whether h is fit for that.
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

// kind is how the value of field i travels.
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

// literal writes all fields.
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
