// SPDX-License-Identifier: Apache-2.0

package envelope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"example.com/mailcall/broker"
	"example.com/mailcall/broker/envelope"
	"example.com/mailcall/metadata"
)

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		m    broker.Message
		want string
	}{
		{broker.Message{}, `{"Header":null,"Body":null}`},
		{broker.Message{Header: metadata.Metadata{}, Body: []byte{}}, `{"Header":{},"Body":""}`},
		{
			broker.Message{Header: metadata.Metadata{"b": "<&>", "A": "\"\n", "a": ""}, Body: []byte("hi\xff")},
			`{"Header":{"A":"\"\n","a":"","b":"\u003c\u0026\u003e"},"Body":"aGn/"}`,
		},
	} {
		got, err := envelope.Encode(&c.m)
		if err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
		same, err := json.Marshal(struct {
			Header map[string]string `json:"Header"`
			Body   []byte            `json:"Body"`
		}{c.m.Header, c.m.Body})
		if err != nil || !bytes.Equal(got, same) {
			t.Errorf("got %s, want what encoding/json writes: %s", got, same)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	many := make(metadata.Metadata)
	for i := range envelope.MaxFields + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for _, c := range []struct {
		header metadata.Metadata
		want   error
	}{
		{many, broker.ErrTooLarge},
		{metadata.Metadata{"a": strings.Repeat("x", envelope.MaxHeader)}, broker.ErrTooLarge},
		{metadata.Metadata{"a": "\xff"}, broker.ErrInvalid},
		{metadata.Metadata{"\xff": "a"}, broker.ErrInvalid},
	} {
		if _, err := envelope.Encode(&broker.Message{Header: c.header}); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		data, header, body string
	}{
		{` {"Header":{"a":"b"},"Body":"aGk="}`, "map[a:b]", "hi"},
		{`{}`, "map[]", ""},
		{`{"Header":null,"Body":null,"More":[{}]}`, "map[]", ""},
		{`{"header":{"a":null,"b":"c"},"body":""}`, "map[a: b:c]", ""},
		{`{"Body":"aGk=","Header":{"\u003c":"x"}}`, "map[<:x]", "hi"},
	} {
		m, err := envelope.Decode([]byte(c.data))
		if got := fmt.Sprint(map[string]string(m.Header)); err != nil || got != c.header || string(m.Body) != c.body {
			t.Errorf("%s: got %s %q, %v, want %s %q", c.data, got, m.Body, err, c.header, c.body)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	many := `{"Header":{` + strings.Repeat(`"":"",`, 2) + `"0":""`
	for i := range envelope.MaxFields {
		many += fmt.Sprintf(`,"%d":""`, i+1)
	}
	for _, data := range []string{
		"", "null", "[]", `"x"`, "{", `{"Header":{}`, `{"Header":[]}`, `{"Header":"x"}`, `{"Header":{"a":1}}`,
		`{"Header":{"a":{"b":"c"}}}`, `{"Body":"*"}`, `{"Body":1}`, `{} {}`, many + "}}",
		`{"Header":{"a":"` + strings.Repeat("x", envelope.MaxHeader) + `"}}`,
		`{"Header":{"a":"` + strings.Repeat("x", envelope.MaxHeader*8) + `"}}`,
	} {
		if _, err := envelope.Decode([]byte(data)); !errors.Is(err, broker.ErrMalformed) {
			t.Errorf("%.40s: got %v, want ErrMalformed", data, err)
		}
	}
	if _, err := envelope.Decode([]byte(many + "}}")); !errors.Is(err, broker.ErrTooLarge) {
		t.Errorf("too many fields: got %v, want ErrTooLarge", err)
	}
}

func TestMaxSize(t *testing.T) {
	m := broker.Message{Header: metadata.Metadata{"a": strings.Repeat("\x00", envelope.MaxHeader-1)}, Body: make([]byte, 1000)}
	data, err := envelope.Encode(&m)
	if err != nil || len(data) > envelope.MaxSize(1000) {
		t.Errorf("got %d bytes, %v, want at most %d", len(data), err, envelope.MaxSize(1000))
	}
	if got, err := envelope.Decode(data); err != nil || got.Header["a"] != m.Header["a"] {
		t.Errorf("got %d bytes, %v, want it back", len(got.Header["a"]), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"Header":{"Content-Type":"application/json","Micro-Topic":"a"},"Body":"eyJ9"}`, `{"Header":null,"Body":null}`,
		`{"Header":{"a":"b","a":"c"}}`, `{"Header":{"a":`, `{"Body":"\u0041A=="}`, `[{"Header":{}}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := envelope.Decode(data)
		if err != nil {
			if !errors.Is(err, broker.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		again, err := envelope.Encode(&m)
		if err != nil {
			t.Fatalf("got %v for what was decoded, want it encoded", err)
		}
		if back, err := envelope.Decode(again); err != nil || !maps.Equal(back.Header, m.Header) || !bytes.Equal(back.Body, m.Body) {
			t.Fatalf("got %v, %v, want %v", back, err, m)
		}
	})
}
