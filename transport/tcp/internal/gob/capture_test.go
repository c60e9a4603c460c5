// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"bytes"
	stdgob "encoding/gob"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

// captures are whole connections of go-micro's tcp transport.
var captures = []string{"tcp-unary-json", "tcp-unary-protobuf", "tcp-error-404", "tcp-two-calls"}

// goMessage is the type on the other side; its name does not matter.
type goMessage struct {
	Header map[string]string
	Body   []byte
}

// reference decodes a whole stream with Go's own decoder.
func reference(t testing.TB, b []byte) []goMessage {
	t.Helper()
	var all []goMessage
	for d := stdgob.NewDecoder(bytes.NewReader(b)); ; {
		var m goMessage
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

func same(m *transport.Message, want goMessage) bool {
	got := map[string]string{}
	for _, f := range m.Header {
		got[f.Name] = f.Value
	}
	return len(got) == len(m.Header) && maps.Equal(got, want.Header) && bytes.Equal(m.Body, want.Body)
}

func TestCapturesAreRead(t *testing.T) {
	for _, name := range captures {
		for _, direction := range []string{".request", ".response"} {
			t.Run(name+direction, func(t *testing.T) {
				b := fixture(t, name+direction)
				want := reference(t, b)
				if len(want) == 0 {
					t.Fatal("got no message in the capture, want one at least")
				}
				for cut := 0; cut <= len(b); cut += len(b) { // all from the socket, all from the prefix
					c := fed(t, b[cut:], gob.Options{Prefix: b[:cut]})
					var m transport.Message
					for i := range want {
						if err := c.Recv(&m); err != nil {
							t.Fatal(err)
						}
						if !same(&m, want[i]) {
							t.Errorf("got %v %q, want %v", m.Header, m.Body, want[i])
						}
					}
					if err := c.Recv(&m); err != io.EOF {
						t.Errorf("got %v at the end, want EOF", err)
					}
				}
			})
		}
	}
}

// TestCapturesAreMade sends the messages of the captures. Their headers are in the random
// order of a map, so the bytes are compared after the entries of each header were sorted.
func TestCapturesAreMade(t *testing.T) {
	for _, name := range captures {
		for _, direction := range []string{".request", ".response"} {
			t.Run(name+direction, func(t *testing.T) {
				b := fixture(t, name+direction)
				want := reference(t, b)
				got := sent(t, gob.Options{}, messages(want)...)
				if len(got) != len(b) {
					t.Fatalf("got %d bytes, want %d", len(got), len(b))
				}
				// Two segments define the types: their lengths, and 0x2a and
				// 0x22 bytes with these.
				const definitions = 0x2a + 0x22
				if !bytes.Equal(got[:definitions], b[:definitions]) {
					t.Errorf("got definitions %x, want %x", got[:definitions], b[:definitions])
				}
				if got, want := ordered(got), ordered(b); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				again := reference(t, got)
				if !slices.EqualFunc(again, want, func(a, b goMessage) bool {
					return maps.Equal(a.Header, b.Header) && bytes.Equal(a.Body, b.Body)
				}) {
					t.Errorf("got %v, want %v", again, want)
				}
			})
		}
	}
}

func messages(all []goMessage) []*transport.Message {
	out := make([]*transport.Message, 0, len(all))
	for _, g := range all {
		m := &transport.Message{Body: g.Body}
		for name, value := range g.Header { // in random order
			m.Header.Add(name, value)
		}
		out = append(out, m)
	}
	return out
}

// ordered sorts the header entries of each message of a stream. The messages of the
// captures are so short that all lengths but that of the message have one byte.
func ordered(b []byte) string {
	const definitions = 0x2a + 0x22
	out := string(b[:definitions])
	for rest := b[definitions:]; len(rest) > 0; {
		n, head := int(rest[0]), 1
		if rest[0] >= 0x80 {
			n, head = 0, 1-int(int8(rest[0]))
			for _, c := range rest[1:head] {
				n = n<<8 | int(c)
			}
		}
		value := rest[head : head+n]
		// ff 80: the number of the type; 01: the first field; its count
		out += string(rest[:head]) + string(value[:4])
		count, at := int(value[3]), 4
		var entries []string
		for range count {
			start := at
			at += 1 + int(value[at])
			at += 1 + int(value[at])
			entries = append(entries, string(value[start:at]))
		}
		slices.Sort(entries)
		out += strings.Join(entries, "") + string(value[at:])
		rest = rest[head+n:]
	}
	return out
}

func TestHeaderIsSentInOrder(t *testing.T) {
	m := &transport.Message{Header: transport.Header{
		{Name: "b", Value: "2"}, {Name: "A", Value: "1"}, {Name: ":path", Value: "x"}, {Name: "B", Value: "late"},
	}}
	b := sent(t, gob.Options{}, m)
	if want := "\x0d\xff\x80\x01\x02\x01A\x011\x01b\x012\x00"; !strings.HasSuffix(string(b), want) {
		t.Errorf("got %q, want %q at the end", b, want)
	}
}
