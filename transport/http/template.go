// SPDX-License-Identifier: Apache-2.0

package http

import "example.com/mailcall/transport"

// maxTemplate bounds the bytes of fields that a connection remembers.
const maxTemplate = 1 << 10

// template remembers how the fields of the last request were written. The
// requests of a connection mostly begin with the same fields, and what has
// been checked and spelled once is copied then. It keeps bytes of its own and
// no reference to a message.
type template struct {
	block []byte
	ends  []int // block[:ends[i]] are the fields up to number i
}

// common appends to b the fields that begin h and the last request alike, and
// returns how many they are.
func (t *template) common(b []byte, h transport.Header) ([]byte, int) {
	n, start := 0, 0
	for n < len(t.ends) && n < len(h) {
		line := t.block[start:t.ends[n]]
		name, value := h[n].Name, h[n].Value
		// A line is "Name: value\r\n"; one for a field that was left out is
		// empty and is like no field.
		if len(line) != len(name)+len(value)+4 || string(line[:len(name)]) != name ||
			string(line[len(name)+2:len(line)-2]) != value {
			break
		}
		start = t.ends[n]
		n++
	}
	return append(b, t.block[:start]...), n
}

// learn takes over what was written after the first n fields: lines, each of
// which ends where ends says, counted from the start of lines.
func (t *template) learn(n int, lines []byte, ends []int) {
	start := 0
	if n > 0 {
		start = t.ends[n-1]
	}
	t.block, t.ends = t.block[:start], t.ends[:n]
	for _, end := range ends {
		if start+end > maxTemplate {
			break
		}
		t.ends = append(t.ends, start+end)
	}
	if len(t.ends) > n {
		t.block = append(t.block, lines[:t.ends[len(t.ends)-1]-start]...)
	}
}
