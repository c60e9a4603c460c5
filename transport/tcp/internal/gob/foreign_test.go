// SPDX-License-Identifier: Apache-2.0

package gob_test

import (
	"bytes"
	stdgob "encoding/gob"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/mailcall/transport"
	"example.com/mailcall/transport/tcp/internal/gob"
)

func encoded(t testing.TB, values ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := stdgob.NewEncoder(&b)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

type (
	fields map[string]string
	bare   struct{ Body []byte }
	turned struct {
		Body   []byte
		Header fields
	}
	inner struct {
		Names []string
		Next  *inner
	}
	rich struct {
		Yes     bool
		N       int
		U       uint64
		F       float64
		C       complex128
		S       string
		B       []byte
		Header  map[string]string
		When    time.Time // encodes itself
		Grid    [2][3]int
		In      inner
		ByName  map[string]inner
		Nothing any
		Body    []byte
	}
	held     struct{ Body, Extra any }
	wrong    struct{ Header map[string]int }
	wrongest struct{ Body string }
)

// TestForeignEncoders decodes structs that differ from go-micro's, encoded by encoding/gob.
func TestForeignEncoders(t *testing.T) {
	header := map[string]string{"Micro-Id": "1"}
	tests := map[string]any{
		"no header": bare{[]byte("body")},
		"turned":    turned{[]byte("body"), fields(header)},
		"rich": rich{
			Yes: true, N: -3, U: 1 << 63, F: 1.5, C: 2i, S: "s", B: []byte("b"), Header: header,
			When: time.Unix(1, 2), Grid: [2][3]int{{1, 2}, {3}},
			In:     inner{Names: []string{"a", "b"}, Next: &inner{Names: []string{"c"}}},
			ByName: map[string]inner{"x": {Names: []string{"d"}}}, Body: []byte("body"),
		},
	}
	for name, v := range tests {
		t.Run(name, func(t *testing.T) {
			c := fed(t, encoded(t, v, v), gob.Options{})
			for range 2 {
				var m transport.Message
				if err := c.Recv(&m); err != nil {
					t.Fatal(err)
				}
				if string(m.Body) != "body" {
					t.Errorf("got body %q, want %q", m.Body, "body")
				}
				if got, want := m.Header.Get("Micro-Id"), "1"; got != want && name != "no header" {
					t.Errorf("got %q in the header, want %q", got, want)
				}
			}
			var m transport.Message
			if err := c.Recv(&m); err != io.EOF {
				t.Errorf("got %v at the end, want EOF", err)
			}
		})
	}
}

// endless is a linked list, deeper than anything that is skipped.
func endless() *inner {
	in := new(inner)
	for range 1000 {
		in = &inner{Next: in}
	}
	return in
}

func TestBrokenPeers(t *testing.T) {
	stdgob.Register(inner{})
	good := encoded(t, goMessage{map[string]string{"a": "b"}, []byte("body")})
	const definitions = 0x2a + 0x22
	tests := map[string]struct {
		bytes []byte
		want  error
	}{
		"nothing":                {nil, io.EOF},
		"end in a segment":       {good[:20], io.ErrUnexpectedEOF},
		"end behind definitions": {good[:definitions], io.ErrUnexpectedEOF},
		"end in a length":        {[]byte("\xfe\x01"), io.ErrUnexpectedEOF},
		"a value without type":   {good[definitions:], transport.ErrProtocol},
		"definitions twice":      {append(bytes.Clone(good[:definitions]), good...), transport.ErrProtocol},
		"empty segment":          {[]byte{0}, transport.ErrProtocol},
		"length of nine bytes":   {[]byte("\xf7\x01\x02\x03\x04\x05\x06\x07\x08\x09"), transport.ErrProtocol},
		"length of eight bytes":  {[]byte("\xf8\xff\xff\xff\xff\xff\xff\xff\xff"), transport.ErrTooLarge},
		"length over the limit":  {[]byte("\xfc\x7f\xff\xff\xff"), transport.ErrTooLarge},
		"not gob at all":         {[]byte("GET / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 100)), transport.ErrProtocol},
		"an interface":           {encoded(t, held{Body: inner{}}), transport.ErrProtocol},
		"a header of numbers":    {encoded(t, wrong{map[string]int{"a": 1}}), transport.ErrProtocol},
		"a body of text":         {encoded(t, wrongest{"body"}), transport.ErrProtocol},
		"no struct":              {encoded(t, "body"), transport.ErrProtocol},
		"too deep": {encoded(t, struct {
			Header map[string]string
			Deep   *inner
		}{nil, endless()}), transport.ErrProtocol},
		"too many fields":           {encoded(t, goMessage{many(gob.MaxFields + 1), nil}), transport.ErrTooLarge},
		"header too long":           {encoded(t, goMessage{map[string]string{"a": strings.Repeat("x", gob.MaxHeader)}, nil}), transport.ErrTooLarge},
		"body too long":             {encoded(t, goMessage{nil, make([]byte, 1001)}), transport.ErrTooLarge},
		"a count beyond the end":    {append(bytes.Clone(good[:definitions]), "\x09\xff\x80\x01\xfc\x7f\xff\xff\xff\x00"...), transport.ErrProtocol},
		"a string beyond the end":   {append(bytes.Clone(good[:definitions]), "\x08\xff\x80\x01\x01\x7fab\x00"...), transport.ErrProtocol},
		"bytes behind the message":  {append(bytes.Clone(good[:definitions]), "\x04\xff\x80\x00\x00"...), transport.ErrProtocol},
		"a field that is not there": {append(bytes.Clone(good[:definitions]), "\x04\xff\x80\x03\x00"...), transport.ErrProtocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := fed(t, tt.bytes, gob.Options{MaxMessage: 1000})
			var m transport.Message
			if err := c.Recv(&m); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if c.Ready(0) {
				t.Error("got ready, want a connection that is good for Close only")
			}
		})
	}
}

func many(n int) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[string(rune(0x4e00+i))] = ""
	}
	return m
}

// TestTypesAreBounded defines one type after the other.
func TestTypesAreBounded(t *testing.T) {
	var b []byte
	for id := uint16(200); id < 300; id++ {
		u := 2*id - 1 // the number of the type, negative
		// The third alternative is a struct; this one is empty.
		b = append(b, 6, 0xfe, byte(u>>8), byte(u), 3, 0, 0)
	}
	c := fed(t, b, gob.Options{})
	var m transport.Message
	err := c.Recv(&m)
	if !errors.Is(err, transport.ErrProtocol) || !strings.Contains(err.Error(), "more than 64 types") {
		t.Errorf("got %v, want a protocol error about the number of types", err)
	}
}

func TestRefusedRequestsAreNotSent(t *testing.T) {
	long := &transport.Message{Header: transport.Header{{Name: "a", Value: strings.Repeat("x", gob.MaxHeader)}}}
	wide := &transport.Message{Header: make(transport.Header, gob.MaxFields+1)}
	tests := map[string]*transport.Message{"body": request(strings.Repeat("x", 101)), "header": long, "fields": wide}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			client, _ := pair(t)
			c := gob.New(client, gob.Options{MaxMessage: 100})
			err := c.Send(m)
			if !errors.Is(err, transport.ErrTooLarge) || !errors.Is(err, transport.ErrNotSent) {
				t.Errorf("got %v, want too large and not sent", err)
			}
			if err := c.Send(request("small")); err != nil {
				t.Errorf("got %v for the next message, want none", err)
			}
		})
	}
}

func TestLongBodies(t *testing.T) {
	var messages []*transport.Message
	for _, n := range []int{127, 128, 255, 256, 16 << 10, 16<<10 + 1, 64 << 10, 1 << 20, 5} {
		messages = append(messages, request(strings.Repeat("x", n)))
	}
	b := sent(t, gob.Options{}, messages...)
	for i, got := range reference(t, b) {
		if !same(messages[i], got) {
			t.Errorf("got a body of %d bytes, want %d", len(got.Body), len(messages[i].Body))
		}
	}
	c := fed(t, b, gob.Options{})
	for _, want := range messages {
		var m transport.Message
		if err := c.Recv(&m); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Body, want.Body) {
			t.Errorf("got a body of %d bytes, want %d", len(m.Body), len(want.Body))
		}
	}
}
