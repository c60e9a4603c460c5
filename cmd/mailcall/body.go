// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"example.com/mailcall/codec"
	"example.com/mailcall/metadata"
	"example.com/mailcall/transport/http"
)

// maxBody is the largest body that can be sent or received, in bytes.
const maxBody = http.DefaultMaxMessage

// readBody returns the body that the argument BODY gives: the argument itself, the file
// after @, or all of in for "-".
func readBody(arg string, in io.Reader) (data []byte, err error) {
	path, isFile := strings.CutPrefix(arg, "@")
	switch {
	case isFile:
		data, err = readFile(path, maxBody)
	case arg == "-":
		data, err = readAll(in, maxBody)
	default:
		return []byte(arg), nil // no limit is needed: the system bounds arguments
	}
	if _, large := errors.AsType[tooLargeError](err); large {
		return nil, usage("send a smaller body, or split it into several calls", "cannot read the body: %w", err)
	}
	if err != nil {
		return nil, usage("BODY is the text itself, @FILE, or - for stdin", "cannot read the body: %w", err)
	}
	return data, nil
}

// parseHeader parses -H arguments.
func parseHeader(fields []string) (metadata.Metadata, error) {
	const hint = "write -H name=value, once for each field"
	md := metadata.Metadata{}
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		switch {
		case !ok:
			return nil, usage(hint, "-H %q has no =", field)
		case !isToken(name):
			return nil, usage(hint, "-H %q: %q is not a valid header field name", field, name)
		case strings.ContainsAny(value, "\r\n\x00"):
			return nil, usage(hint, "-H %s: the value contains a line break or a zero byte", name)
		case reserved(name):
			return nil, usage("use --content-type for the content type, --timeout for the deadline", "-H %s: the client sets this field itself", name)
		}
		md[name] = value
	}
	return md, nil
}

// isToken reports whether name is a token of RFC 9110.
func isToken(name string) bool {
	for _, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// reserved reports whether the client sets the field itself.
func reserved(name string) bool {
	switch name = strings.ToLower(name); name {
	case "accept", "connection", "content-length", "content-type", "host", "timeout", "transfer-encoding":
		return true
	default:
		return strings.HasPrefix(name, "micro-")
	}
}

// rawCodec is the codec of --raw, which leaves bytes unchanged.
type rawCodec struct{}

// Marshal implements codec.Codec.
func (rawCodec) Marshal(v any) ([]byte, error) {
	data, ok := codec.FrameOf(v)
	if !ok {
		return nil, &codec.TypeError{Codec: "raw", Want: "codec.Frame", Got: fmt.Sprintf("%T", v)}
	}
	return data, nil
}

// Unmarshal implements codec.Codec.
func (rawCodec) Unmarshal(data []byte, v any) error {
	if !codec.SetFrame(v, data) {
		return &codec.TypeError{Codec: "raw", Want: "*codec.Frame", Got: fmt.Sprintf("%T", v)}
	}
	return nil
}
