// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"slices"
	"strconv"

	"example.com/mailcall/transport"
)

// Decoder reads the header blocks of one direction of a connection. It must read every
// block exactly once and in order. Make it with [NewDecoder].
type Decoder struct {
	table [MaxTable]*template
	size  int
}

// template is a block in the table. It is immutable.
type template struct {
	header   transport.Header // variable values are empty
	kinds    [maxVariables + 1]variable
	n        int
	endpoint string
}

type variable struct {
	pos     int
	timeout bool
}

// Block is a header block that was read. It has no reference to the input and remains
// valid. Until Header is called it takes only a small multiple of the received bytes:
// a peer can send a header that is in the table with very few bytes.
type Block struct {
	t       *template
	changes string           // changed fields of t, encoded
	header  transport.Header // set instead of t if the header has been made
	values  [maxVariables + 1]uint64
	Timeout uint64 // of the frame, in nanoseconds; 0 for none
}

// NewDecoder returns a decoder with a table of the given number of blocks, at most
// [MaxTable].
func NewDecoder(table int) *Decoder { return &Decoder{size: min(table, MaxTable)} }

// Read reads a block from s. timeout is that of the frame. It reports false if the block
// is invalid.
func (d *Decoder) Read(s *Source, timeout uint64) (b Block, ok bool) {
	form := s.Uint()
	b.Timeout = timeout
	switch form {
	case formLiteral:
		t := readTemplate(s, false)
		if s.bad {
			return b, false
		}
		b.fill(t, s)
		b.header, b.t = b.Header(), nil
	case formDefine:
		at := s.Size(d.size - 1)
		t := readTemplate(s, true)
		if s.bad || d.size == 0 {
			return b, false
		}
		d.table[at] = t
		b.fill(t, s)
	default:
		at := (form - formKnown) / 2
		if s.bad || at >= uint64(d.size) || d.table[at] == nil {
			s.fail()
			return b, false
		}
		b.fill(d.table[at], s)
		if form&1 != 0 {
			b.change(s)
		}
	}
	return b, !s.bad
}

// fill reads the variable values.
func (b *Block) fill(t *template, s *Source) {
	b.t = t
	for i := range t.n {
		if t.kinds[i].timeout {
			b.values[i] = b.Timeout
		} else {
			b.values[i] = s.Uint()
		}
	}
}

// change checks which fields differ from the template, and keeps them for Header.
func (b *Block) change(s *Source) {
	all := s.b
	n := s.Size(len(b.t.header))
	last := -1
	for range n {
		at := s.Size(len(b.t.header) - 1)
		if s.Bytes(); s.bad || at <= last {
			s.fail()
			return
		}
		last = at
	}
	b.changes = string(all[:len(all)-len(s.b)])
}

// apply makes the changes in h, a copy of the template's header with its numbers.
func (b *Block) apply(h transport.Header) {
	n, rest := cutUint(b.changes)
	for range n {
		var at, size uint64
		at, rest = cutUint(rest)
		size, rest = cutUint(rest)
		h[at].Value, rest = rest[:size], rest[size:]
	}
}

func (b *Block) fresh() transport.Header {
	return append(make(transport.Header, 0, len(b.t.header)), b.t.header...)
}

// readTemplate reads all fields of a block. A block for the table (kept) has a size limit
// of its own.
func readTemplate(s *Source, kept bool) *template {
	n := s.Size(MaxFields)
	t := &template{header: make(transport.Header, 0, min(n, s.Len()/2))}
	size := 0
	for range n {
		f := transport.Field{Name: readName(s)}
		switch kind := s.Uint(); {
		case kind == valueLiteral:
			f.Value = string(s.Bytes())
		case kind <= valueTimeout:
			if t.n == len(t.kinds) || kind == valueVariable && t.variables() == maxVariables {
				s.fail()
				break
			}
			t.kinds[t.n] = variable{pos: len(t.header), timeout: kind == valueTimeout}
			t.n++
		case kind-valueStatic <= uint64(len(staticValues)):
			f.Value = staticValues[kind-valueStatic-1]
		default:
			s.fail()
		}
		if size += len(f.Name) + len(f.Value); s.bad || kept && size > maxKept {
			s.fail()
			return t
		}
		t.header = append(t.header, f)
	}
	t.header = slices.Clip(t.header)
	t.endpoint = t.header.Get("Micro-Endpoint")
	return t
}

func (t *template) variables() (n int) {
	for _, v := range t.kinds[:t.n] {
		if !v.timeout {
			n++
		}
	}
	return n
}

func readName(s *Source) string {
	n := s.Size(len(staticNames))
	if n == 0 {
		return string(s.Bytes())
	}
	return staticNames[n-1]
}

// Made returns the fields if they have been made already, so that it costs nothing.
func (b *Block) Made() (h transport.Header, made bool) {
	switch {
	case b.t == nil:
		return b.header, true
	case b.t.n == 0 && b.changes == "":
		return b.t.header, true
	}
	return nil, false
}

// Header returns the fields. It must not be modified, because blocks without variable
// values share it.
func (b *Block) Header() transport.Header {
	if h, made := b.Made(); made {
		return h
	}
	h := b.fresh()
	for i, v := range b.t.kinds[:b.t.n] {
		h[v.pos].Value = strconv.FormatUint(b.values[i], 10)
	}
	if b.changes != "" {
		b.apply(h) // last: a change may replace a number too
	}
	b.header, b.t, b.changes = h, nil, ""
	return h
}

// Endpoint returns the value of Micro-Endpoint.
func (b *Block) Endpoint() string {
	if b.t != nil && b.changes == "" {
		return b.t.endpoint
	}
	return b.Header().Get("Micro-Endpoint")
}
