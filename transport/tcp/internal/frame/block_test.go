// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is the encoder and the decoder of one direction.
type pair struct {
	enc *frame.Encoder
	dec *frame.Decoder
	buf []byte
}

func newPair(table int) *pair {
	return &pair{enc: frame.NewEncoder(table), dec: frame.NewDecoder(table)}
}

// pass sends a header, and returns what is received and how many bytes it took.
func (p *pair) pass(t testing.TB, h transport.Header, native bool) (b frame.Block, n int) {
	t.Helper()
	timeout := p.enc.Look(h, native)
	var err error
	if p.buf, err = p.enc.Append(p.buf[:0], h); err != nil {
		t.Fatal(err)
	}
	s := frame.From(p.buf)
	b, ok := p.dec.Read(&s, timeout)
	if !ok || s.Len() > 0 {
		t.Fatalf("got %x that cannot be read for %v", p.buf, h)
	}
	if got := b.Header(); !slices.Equal(got, h) {
		t.Fatalf("got %v, want %v", got, h)
	}
	return b, len(p.buf)
}

func call(id, timeout string, more ...string) transport.Header {
	h := transport.Header{}
	for i := 0; i < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return append(h, transport.Header{
		{Name: "Content-Type", Value: "application/protobuf"},
		{Name: "Micro-Endpoint", Value: "Greeter.Hello"},
		{Name: "Micro-ID", Value: id}, {Name: "Timeout", Value: timeout},
	}...)
}

func TestBlocks(t *testing.T) {
	p := newPair(64)
	for _, tc := range []struct {
		name string
		h    transport.Header
		most int // bytes
	}{
		{"first", call("1", "5000000000"), 40},
		{"second", call("2", "4999999999"), 40},
		{"known", call("300", "1"), 3},
		{"large numbers", call("9999999999999999999", "9999999999999999999"), 11},
		{"not canonical", call("007", "+5"), 50},
		{"too large a number", call("18446744073709551616", "5"), 60},
		{"empty numbers", call("", ""), 40},
		{"with metadata", call("1", "2", "Trace", "abcdef"), 60},
		{"again", call("1", "2", "Trace", "012345"), 60},
		{"only that differs", call("1", "2", "Trace", "999999"), 12},
		{"nothing", nil, 3},
		{"empty name and value", transport.Header{{}, {}}, 8},
		{"bytes", transport.Header{{Name: "\x00\xff", Value: "\r\n"}}, 10},
		{"twice the same", transport.Header{{Name: "Timeout", Value: "5"}, {Name: "Timeout", Value: "6"}}, 9},
	} {
		b, n := p.pass(t, tc.h, true)
		if n > tc.most {
			t.Errorf("%s: got %d bytes, want at most %d", tc.name, n, tc.most)
		}
		if got := b.Endpoint(); got != tc.h.Get("Micro-Endpoint") {
			t.Errorf("%s: got the endpoint %q", tc.name, got)
		}
	}
}

// A repeated header is decoded to the same slice.
func TestSharedHeader(t *testing.T) {
	p := newPair(64)
	h := transport.Header{{Name: "Content-Type", Value: "application/protobuf"}}
	p.pass(t, h, false)
	p.pass(t, h, false)
	b, n := p.pass(t, h, false)
	other, _ := p.pass(t, h, false)
	if n != 1 || &b.Header()[0] != &other.Header()[0] {
		t.Errorf("got %d bytes and two headers, want 1 byte and one", n)
	}
	if allocs := testing.AllocsPerRun(100, func() { p.pass(t, h, false) }); allocs != 0 {
		t.Errorf("got %g allocations, want 0", allocs)
	}
}

// The sender may reuse the memory of values.
func TestValuesAreCopied(t *testing.T) {
	p := newPair(64)
	name := []byte("Greeter.A")
	for _, last := range "AABBAACA" {
		name[len(name)-1] = byte(last)
		h := call(string(name[len(name)-1:]), "1")
		h[1].Value = string(name)
		p.pass(t, h, true)
	}
}

// A change replaces a value that is a number in the table too, whose number is still sent.
func TestChangeOfANumber(t *testing.T) {
	for name, tc := range map[string]struct {
		block, known []byte
		want         transport.Header
	}{
		"variable": {
			[]byte{1, 5, 2, 6, 1, 1, 4, 70}, []byte{3 + 2*5, 71, 1, 0, 3, 'n', 'e', 'w'},
			transport.Header{{Name: "Micro-ID", Value: "new"}, {Name: "Accept", Value: "application/json"}},
		},
		"one of two": {
			[]byte{1, 5, 2, 6, 1, 19, 1, 70, 80}, []byte{3 + 2*5, 71, 81, 1, 1, 3, 'n', 'e', 'w'},
			transport.Header{{Name: "Micro-ID", Value: "71"}, {Name: "Micro-Id", Value: "new"}},
		},
		"timeout": {
			[]byte{1, 5, 1, 7, 2}, []byte{3 + 2*5, 1, 0, 1, '9'},
			transport.Header{{Name: "Timeout", Value: "9"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := frame.NewDecoder(64)
			s := frame.From(tc.block)
			if _, ok := d.Read(&s, 1); !ok {
				t.Fatal("the block cannot be read")
			}
			s = frame.From(tc.known)
			b, ok := d.Read(&s, 1)
			if got := b.Header(); !ok || s.Len() > 0 || !slices.Equal(got, tc.want) {
				t.Errorf("got %v, %t, want %v", got, ok, tc.want)
			}
		})
	}
}

func TestManyHeaders(t *testing.T) {
	for _, table := range []int{0, 1, 3, 64, 1000} {
		p := newPair(table)
		for n := range 2000 {
			h := call(fmt.Sprint(n), "5")
			h[1].Value = fmt.Sprint("Greeter.", n*n%100)
			p.pass(t, h, n%3 == 0)
		}
	}
}

func TestTooLargeHeaders(t *testing.T) {
	e := frame.NewEncoder(64)
	for name, h := range map[string]transport.Header{
		"bytes":  {{Name: "A", Value: strings.Repeat("x", frame.MaxHead)}},
		"fields": make(transport.Header, frame.MaxFields+1),
	} {
		for range 3 {
			e.Look(h, true)
			if b, err := e.Append(nil, h); !errors.Is(err, frame.ErrHeader) {
				t.Errorf("%s: got %d bytes, %v, want ErrHeader", name, len(b), err)
			}
		}
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{0, 0}, uint64(0))
	f.Add([]byte("\x01\x05\x03\x01\x04\x06\x01\x07\x02\x11"), uint64(7))
	f.Add([]byte("\x00\x01\x00\x03abc\x00\x03def\x0c\x0d\x01"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, timeout uint64) {
		d := frame.NewDecoder(16)
		s := frame.From(b)
		for s.Len() > 0 {
			before := s.Len()
			block, ok := d.Read(&s, timeout)
			if !ok {
				return
			}
			size := 0
			for _, field := range block.Header() {
				size += len(field.Name) + len(field.Value)
			}
			if s.Len() >= before || len(block.Header()) > frame.MaxFields || size > 64*(before+1<<13) {
				t.Fatalf("got %d fields of %d bytes from %d bytes", len(block.Header()), size, before-s.Len())
			}
		}
	})
}

// Any encoded headers are decoded unchanged, from one block to the next.
func FuzzRoundTrip(f *testing.F) {
	f.Add("Micro-ID", "1", "Timeout", "5", "Trace", "abc")
	f.Add("", "", "Micro-Endpoint", "A.B", "\x00", "0")
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g string) {
		p := newPair(4)
		for _, h := range []transport.Header{
			{{Name: a, Value: b}, {Name: c, Value: d}, {Name: e, Value: g}},
			{{Name: a, Value: b}, {Name: c, Value: d}, {Name: e, Value: g}},
			{{Name: a, Value: b}, {Name: c, Value: d}, {Name: e, Value: b}},
			{{Name: a, Value: d}, {Name: c, Value: g}, {Name: e, Value: b}},
			{{Name: e, Value: b}, {Name: a, Value: d}},
		} {
			p.pass(t, h, len(a)%2 == 0)
		}
	})
}

func FuzzPreface(f *testing.F) {
	f.Add(frame.Preface{Low: 1, High: 1, Limits: frame.Assumed()}.Append(nil))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < frame.PrefaceSize {
			return
		}
		p, n, err := frame.ParsePreface(b)
		if err != nil || n > len(b)-frame.PrefaceSize {
			return
		}
		p.Limits = frame.Assumed()
		if p.Limits.Read(b[frame.PrefaceSize:frame.PrefaceSize+n]) != nil {
			return
		}
		again := frame.Assumed()
		if err := again.Read(p.Limits.Append(nil)); err != nil || again != p.Limits {
			t.Fatalf("got %+v, %v, want %+v", again, err, p.Limits)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1}, frame.HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < frame.HeaderSize {
			return
		}
		if got := frame.ParseHeader(b).Append(nil); !bytes.Equal(got, b[:frame.HeaderSize]) {
			t.Fatalf("got %x, want %x", got, b[:frame.HeaderSize])
		}
	})
}
