// SPDX-License-Identifier: Apache-2.0

package http

import "example.com/mailcall/transport"

// maxTemplate bounds the size of a template in bytes.
const maxTemplate = 1 << 10

// template caches the rendered fields of the last request. The requests of a
// connection mostly begin with the same fields, which then are copied and need not
// be checked and rendered again. It has no reference to a message.
type template struct {
	block []byte
	ends  []int // block[:ends[i]] are the fields up to and including i
}

// common appends to b the leading fields that h and the last request have in common,
// and returns how many there are.
func (t *template) common(b []byte, h transport.Header) ([]byte, int) {
	n, start := 0, 0
	for n < len(t.ends) && n < len(h) {
		line := t.block[start:t.ends[n]]
		name, value := h[n].Name, h[n].Value
		// A line is "Name: value\r\n"; that of a field that is not sent is empty and
		// does not match any field.
		if len(line) != len(name)+len(value)+4 || string(line[:len(name)]) != name ||
			string(line[len(name)+2:len(line)-2]) != value {
			break
		}
		start = t.ends[n]
		n++
	}
	return append(b, t.block[:start]...), n
}

// learn stores the lines that were written after the first n fields. ends are the
// ends of the lines, as offsets in lines.
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
