// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"

	"example.com/mailcall/transport"
)

// first parses a status line or a request line without CR LF.
func (p *parser) first(line []byte) error {
	if p.request {
		return p.requestLine(line)
	}
	return p.statusLine(line)
}

func (p *parser) statusLine(line []byte) error {
	// "HTTP/1.1 200" is the shortest form; a reason phrase may follow.
	if len(line) < 12 || !p.version(line[:8]) || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' || !plain(line) {
		return broken("status line %q", clip(line))
	}
	code := 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return broken("status line %q", clip(line))
		}
		code = code*10 + int(c-'0')
	}
	if code < 100 {
		return broken("status code %d", code)
	}
	p.head.Status = code
	return nil
}

func (p *parser) requestLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || inspect(method) == nameInvalid || len(target) == 0 ||
		!p.version(version) || !plain(target) {
		return broken("request line %q", clip(line))
	}
	return nil
}

// version accepts only HTTP/1.0 and HTTP/1.1.
func (p *parser) version(v []byte) bool {
	if len(v) != 8 || string(v[:7]) != "HTTP/1." || v[7] != '0' && v[7] != '1' {
		return false
	}
	p.head.Minor = int(v[7] - '0')
	return true
}

// plain reports whether there is no control character in b.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// frame evaluates one field if it concerns the framing. value is its value, nil if
// that is in the field.
func (p *parser) frame(f *transport.Field, value []byte) error {
	switch len(f.Name) {
	case 6:
		if p.request && f.Name == "Expect" {
			p.head.Expect = EqualFold(f.Value, "100-continue")
		}
	case 10:
		if f.Name == "Connection" {
			p.connection(f.Value)
		}
	case 14:
		if f.Name == "Content-Length" {
			if value == nil {
				return contentLength(&p.head, f.Value)
			}
			return contentLength(&p.head, value)
		}
	case 17:
		if f.Name == "Transfer-Encoding" {
			if p.head.Chunked || !EqualFold(f.Value, "chunked") {
				return broken("transfer encoding %q, want \"chunked\" once", clip([]byte(f.Value)))
			}
			p.head.Chunked = true
		}
	}
	return nil
}

// connection parses the comma-separated tokens of a Connection field.
func (p *parser) connection(value string) {
	for len(value) > 0 {
		end := 0
		for end < len(value) && value[end] != ',' {
			end++
		}
		token := value[:end]
		for len(token) > 0 && isBlank(token[0]) {
			token = token[1:]
		}
		for len(token) > 0 && isBlank(token[len(token)-1]) {
			token = token[:len(token)-1]
		}
		switch {
		case EqualFold(token, "close"):
			p.head.AsksClose = true
		case EqualFold(token, "keep-alive"):
			p.head.keepAlive = true
		}
		value = value[min(end+1, len(value)):]
	}
}

func contentLength[T string | []byte](h *Head, value T) error {
	n, ok := decimal(value)
	if !ok {
		return broken("content length %q", string(value[:min(len(value), 64)]))
	}
	if h.Length >= 0 && h.Length != n {
		return broken("two content lengths, %d and %d", h.Length, n)
	}
	h.Length = n
	return nil
}

// decimal parses a number of at most 18 digits, which cannot overflow.
func decimal[T string | []byte](b T) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(b) {
		c := b[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// conclude checks that the framing fields are consistent.
func (p *parser) conclude() error {
	h := &p.head
	if h.Chunked && h.Length >= 0 {
		return broken("content length %d together with chunked encoding", h.Length)
	}
	if h.Chunked && h.Minor == 0 {
		return broken("chunked encoding in HTTP/1.0")
	}
	h.Close = h.AsksClose || h.Minor == 0 && !h.keepAlive
	return nil
}
