// SPDX-License-Identifier: Apache-2.0

package transport

import "strings"

// Field is one header field.
type Field struct {
	// Name is compared without regard to ASCII case. Value is sent as it is. The
	// transport determines which characters both may contain.
	Name, Value string
}

// Header is an ordered list of fields. A name should occur only once; if it occurs
// several times, the first one counts. Names are compared without regard to ASCII
// case, because HTTP changes it. Nil is an empty header.
//
// A Header is a plain slice: reading it is safe for concurrent use, modifying it is
// not.
type Header []Field

// Get returns the value of the first field called name, or "".
func (h Header) Get(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// Lookup returns the value of the first field called name and whether there
// is one.
func (h Header) Lookup(name string) (string, bool) {
	for i := range h {
		if equalName(h[i].Name, name) {
			return h[i].Value, true
		}
	}
	return "", false
}

// Set replaces the value of the first field called name, or adds the field.
func (h *Header) Set(name, value string) {
	for i := range *h {
		if equalName((*h)[i].Name, name) {
			(*h)[i].Value = value
			return
		}
	}
	h.Add(name, value)
}

// Add appends a field without looking for one of the same name.
func (h *Header) Add(name, value string) {
	*h = append(*h, Field{Name: name, Value: value})
}

// Del removes every field called name.
func (h *Header) Del(name string) {
	kept := (*h)[:0]
	for _, f := range *h {
		if !equalName(f.Name, name) {
			kept = append(kept, f)
		}
	}
	*h = kept
}

// Clone returns a copy that shares only the strings with h.
func (h Header) Clone() Header {
	return append(Header(nil), h...)
}

func equalName(a, b string) bool {
	return a == b || len(a) == len(b) && strings.EqualFold(a, b)
}
