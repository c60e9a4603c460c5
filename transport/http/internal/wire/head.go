// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"

	"example.com/mailcall/transport"
)

// maxFields bounds the number of fields in one block. go-micro has no such bound; the
// metadata of real services is far below it.
const maxFields = 512

// Head is the information in the first line and the framing fields of a message.
type Head struct {
	// Status is the status code of a response, 0 for a request.
	Status int
	// Minor is the minor HTTP version, 0 or 1.
	Minor int
	// Length is the Content-Length, -1 if there is none.
	Length int64
	// Chunked reports whether the body has chunked encoding.
	Chunked bool
	// Close reports whether the sender closes the connection after this message:
	// because of a Connection field or, in HTTP/1.0, the lack of keep-alive.
	Close bool
	// AsksClose reports whether the Connection field contains the token "close".
	AsksClose bool
	// Expect reports whether the sender of a request waits for "100 Continue".
	Expect bool

	keepAlive bool
}

// parser parses a header block into a Head and fields. Successive messages have nearly
// the same blocks, so a line that equals the corresponding line of the previous block
// takes one comparison, and its strings are reused.
type parser struct {
	request bool
	head    Head
	fields  transport.Header // all fields of the previous block, in order
	next    transport.Header // the block being parsed
}

// parse parses a whole block, up to and including the empty line.
func (p *parser) parse(block []byte) error {
	end := bytes.IndexByte(block, '\n')
	if end < 1 || block[end-1] != '\r' {
		return broken("first line %q does not end in CR LF", clip(block))
	}
	p.head = Head{Length: -1}
	p.next = p.next[:0]
	if err := p.first(block[:end-1]); err != nil {
		return err
	}
	if err := p.lines(block[end+1 : len(block)-2]); err != nil {
		return err
	}
	p.fields, p.next = p.next, p.fields
	return p.conclude()
}

// lines parses the field lines, without the empty line.
func (p *parser) lines(rest []byte) error {
	old := p.fields
	for len(rest) > 0 {
		if len(p.next) == maxFields {
			return broken("more than %d header fields", maxFields)
		}
		if len(old) > 0 {
			if n := sameLine(rest, &old[0]); n > 0 {
				p.next = append(p.next, old[0])
				old, rest = old[1:], rest[n:]
				if err := p.frame(&p.next[len(p.next)-1], nil); err != nil {
					return err
				}
				continue
			}
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 1 || rest[end-1] != '\r' {
			return broken("header line %q does not end in CR LF", clip(rest))
		}
		used, err := p.line(rest[:end-1], old)
		if err != nil {
			return err
		}
		old, rest = old[used:], rest[end+1:]
	}
	return nil
}

// sameLine returns the length of the first line of rest if it is the field f, else 0.
func sameLine(rest []byte, f *transport.Field) int {
	n, v := len(f.Name), len(f.Value)
	end := n + 2 + v
	if v == 0 || len(rest) < end+2 || rest[n] != ':' || rest[n+1] != ' ' ||
		rest[end] != '\r' || rest[end+1] != '\n' ||
		string(rest[n+2:end]) != f.Value || string(rest[:n]) != f.Name {
		return 0
	}
	return end + 2
}

// line parses one field line, and returns how many of the old fields it takes the
// place of.
func (p *parser) line(line []byte, old transport.Header) (int, error) {
	name, value, err := splitLine(line)
	if err != nil {
		return 0, err
	}
	used := 0
	var f transport.Field
	// A field that was added or removed shifts the others by a few places.
	for i := 0; i < len(old) && i < 4; i++ {
		if EqualFold(name, old[i].Name) {
			f, used = old[i], i+1
			break
		}
	}
	if used == 0 {
		f.Name = fieldName(name)
	}
	// The length of a reply changes often and is not part of the message, so no
	// string is allocated for it.
	switch {
	case !p.request && len(f.Name) == 14 && f.Name == "Content-Length":
		f.Value = ""
	case f.Value != string(value):
		f.Value = string(value)
	}
	p.next = append(p.next, f)
	return used, p.frame(&p.next[len(p.next)-1], value)
}

// fieldName returns a valid name in canonical form. It does not allocate for the
// common ones.
func fieldName(name []byte) string {
	if s := known(string(name)); s != "" {
		return s
	}
	return string(appendCanonical(make([]byte, 0, len(name)), name))
}

// splitLine splits and checks a field line without CR LF.
func splitLine(line []byte) (name, value []byte, err error) {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return nil, nil, broken("folded header line %q", clip(line))
	}
	before, after, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return nil, nil, broken("header line %q without a colon", clip(line))
	}
	name, value = before, after
	if inspect(name) == nameInvalid {
		return nil, nil, broken("header field name %q", clip(name))
	}
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	for _, c := range value {
		if c <= '\r' && (c == '\r' || c == '\n' || c == 0) {
			return nil, nil, broken("CR, LF or NUL in header field %q", clip(name))
		}
	}
	return name, value, nil
}
