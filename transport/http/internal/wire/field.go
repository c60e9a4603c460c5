// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"example.com/mailcall/transport"
)

// Classes of bytes in a field name (RFC 9110, section 5.6.2).
const (
	classToken = 1 << iota
	classUpper
	classLower
)

// classOf is a switch, which the compiler turns into a jump table, so that the package
// has no table in a variable, which could be modified.
func classOf(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z':
		return classToken | classLower
	case 'A' <= c && c <= 'Z':
		return classToken | classUpper
	case '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		return classToken
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '^', '`', '|', '~':
		return classToken
	}
	return 0
}

// nameState is the result of inspecting a field name.
type nameState uint8

const (
	nameInvalid   nameState = iota // not a token
	nameOther                      // a token that is not in canonical form
	nameCanonical                  // a token in canonical form
)

// known returns the canonical form of a name that is in nearly every message, and ""
// for any other.
func known(b string) string {
	switch b {
	case "Accept":
		return "Accept"
	case "Authorization":
		return "Authorization"
	case "Connection":
		return "Connection"
	case "Content-Length":
		return "Content-Length"
	case "Content-Type":
		return "Content-Type"
	case "Micro-Endpoint":
		return "Micro-Endpoint"
	case "Micro-Error":
		return "Micro-Error"
	case "Micro-Id", "Micro-ID":
		return "Micro-Id"
	case "Micro-Method":
		return "Micro-Method"
	case "Micro-Service":
		return "Micro-Service"
	case "Micro-Stream":
		return "Micro-Stream"
	case "Timeout":
		return "Timeout"
	case "User-Agent":
		return "User-Agent"
	case "X-Micro-Endpoint":
		return "X-Micro-Endpoint"
	case "X-Micro-Error":
		return "X-Micro-Error"
	case "X-Micro-Method":
		return "X-Micro-Method"
	case "X-Micro-Service":
		return "X-Micro-Service"
	}
	return ""
}

func inspect[T string | []byte](name T) nameState {
	if len(name) == 0 {
		return nameInvalid
	}
	state := nameCanonical
	start := true
	for i := range len(name) {
		c := name[i]
		class := classOf(c)
		if class == 0 {
			return nameInvalid
		}
		if start && class&classLower != 0 || !start && class&classUpper != 0 {
			state = nameOther
		}
		start = c == '-'
	}
	return state
}

// Canonical returns name in HTTP's canonical form ("micro-ID" is "Micro-Id") and
// whether it is a valid field name. It allocates only if the form differs.
func Canonical(name string) (string, bool) {
	if k := known(name); k != "" {
		return k, true
	}
	switch inspect(name) {
	case nameCanonical:
		return name, true
	case nameOther:
		return string(appendCanonical(nil, name)), true
	default:
		return name, false
	}
}

// appendCanonical appends a valid name in canonical form.
func appendCanonical[T string | []byte](dst []byte, name T) []byte {
	start := true
	for i := range len(name) {
		c := name[i]
		switch class := classOf(c); {
		case start && class&classLower != 0:
			c -= 'a' - 'A'
		case !start && class&classUpper != 0:
			c += 'a' - 'A'
		}
		dst = append(dst, c)
		start = c == '-'
	}
	return dst
}

// ErrName is returned for a name that is not a valid HTTP field name. It matches
// [transport.ErrInvalid].
var ErrName = fmt.Errorf("%w: not a valid field name", transport.ErrInvalid)

// AppendField appends "Name: value" and CR LF: the name in canonical form, the value
// without surrounding blanks and with CR, LF and NUL replaced by spaces, as go-micro's
// server does with error texts. For an invalid name it returns [ErrName].
func AppendField(dst []byte, name, value string) ([]byte, error) {
	if k := known(name); k != "" {
		dst = append(dst, k...)
	} else {
		switch inspect(name) {
		case nameCanonical:
			dst = append(dst, name...)
		case nameOther:
			dst = appendCanonical(dst, name)
		default:
			return dst, ErrName
		}
	}
	dst = append(dst, ':', ' ')
	dst = appendValue(dst, value)
	return append(dst, '\r', '\n'), nil
}

func appendValue(dst []byte, value string) []byte {
	for len(value) > 0 && isBlank(value[0]) {
		value = value[1:]
	}
	for len(value) > 0 && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	at := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[at:] {
		if c <= '\r' && (c == '\r' || c == '\n' || c == 0) {
			dst[at+i] = ' '
		}
	}
	return dst
}

// isBlank reports whether textproto trims c: a space, tab, CR or LF.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// EqualFold reports whether a and b are the same field name, without regard to ASCII
// case.
func EqualFold[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if classOf(x)&(classLower|classUpper) == 0 || x|0x20 != y|0x20 {
			return false
		}
	}
	return true
}

// Framing reports whether name is a field with which HTTP frames a message or selects
// the host. The transport writes such fields itself and ignores them in a message.
func Framing(name string) bool {
	switch len(name) {
	case 4:
		return EqualFold(name, "Host")
	case 7:
		return EqualFold(name, "Trailer")
	case 14:
		return EqualFold(name, "Content-Length")
	case 17:
		return EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// Pseudo reports whether name is a pseudo-header field of another transport (":path"),
// which HTTP/1.1 cannot carry and go-micro drops.
func Pseudo(name string) bool { return len(name) > 0 && name[0] == ':' }
