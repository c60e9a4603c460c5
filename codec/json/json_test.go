// SPDX-License-Identifier: Apache-2.0

package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/json"
)

type ask struct {
	Name string `json:"name"`
	Nums []int  `json:"nums"`
}

func TestMarshal(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    any
		want string
	}{
		{"message", &greet.HelloRequest{Name: "Ann", Count: 3}, `{"name":"Ann","count":"3"}` + "\n"},
		{"32 bits", &greet.HelloRequest{Code: 404, Detail: "no such thing"}, `{"code":404,"detail":"no such thing"}` + "\n"},
		{"camel case", &greet.HelloRequest{SleepMs: 1 << 62}, `{"sleepMs":"4611686018427387904"}` + "\n"},
		{"zero message", &greet.HelloRequest{}, "{}\n"},
		{"spaces and quotes in strings", &greet.HelloReply{Greeting: `a  "b, \`, Headers: []string{`\" : `, "", " "}},
			`{"greeting":"a  \"b, \\","headers":["\\\" : ",""," "]}` + "\n"},
		{"struct", ask{"Ann", []int{1, 2, 3}}, `{"name":"Ann","nums":[1,2,3]}` + "\n"},
		{"html in a message", &greet.HelloReply{Greeting: "<b>&\u2028\u2029€", Headers: []string{"a <"}},
			`{"greeting":"\u003cb\u003e\u0026\u2028\u2029€","headers":["a \u003c"]}` + "\n"},
		{"only line ends", &greet.HelloReply{Greeting: "a\u2028b"}, `{"greeting":"a\u2028b"}` + "\n"},
		{"html in a struct", ask{Name: "<&>"}, `{"name":"\u003c\u0026\u003e","nums":null}` + "\n"},
		{"string", "hi", `"hi"` + "\n"},
		{"nil map", map[string]int(nil), "null\n"},
	} {
		got, err := json.New().Marshal(tc.v)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

// protojson's whitespace depends on a hash of the output and the program, so
// many different messages have to come out compact.
func TestMessagesAreCompact(t *testing.T) {
	for n := range 200 {
		got, err := json.New().Append([]byte("{ }"), &greet.HelloReply{
			Greeting: strings.Repeat("n ", n), Seq: int64(n + 1), Headers: []string{"a : b", "c , d"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := stdjson.Compact(&want, got[3:]); err != nil {
			t.Fatalf("got %q, want JSON: %v", got, err)
		}
		if want.WriteByte('\n'); string(got) != "{ }"+want.String() {
			t.Fatalf("got %q, want %q after what was there", got, want.String())
		}
	}
}

func TestUnmarshalMessage(t *testing.T) {
	for _, in := range []string{
		`{"name":"Ann","count":"3","sleepMs":"9"}` + "\n",
		`{"name":"Ann","count":3,"sleep_ms":9}`,
		` {"name": "Ann", "brandNew": {"a": [1]}, "count": "3", "sleepMs": 9} `,
	} {
		var m greet.HelloRequest
		err := json.New().Unmarshal([]byte(in), &m)
		if err != nil || m.Name != "Ann" || m.Count != 3 || m.SleepMs != 9 {
			t.Errorf("%s: got %v, %v, want Ann, 3, 9", in, &m, err)
		}
	}
}

func TestUnmarshalStruct(t *testing.T) {
	var got struct {
		Msg string `json:"msg"`
		Sum int    `json:"sum"`
	}
	if err := json.New().Unmarshal([]byte(`{"msg":"Hello Ann","sum":6,"new":true}`+"\n"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Msg != "Hello Ann" || got.Sum != 6 {
		t.Errorf("got %+v, want Hello Ann and 6", got)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, in := range []string{"", "\n", "{", `{"name":7}`, "{}{}", "{} x", "unsupported Content-Type: application/json"} {
		for _, v := range []any{&greet.HelloRequest{}, &ask{}} {
			err := json.New().Unmarshal([]byte(in), v)
			if err == nil || !strings.HasPrefix(err.Error(), "json codec: decode ") {
				t.Errorf("%q into %T: got %v, want an error of the json codec", in, v, err)
			}
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{"greeting":"a","seq":"1","headers":["x"]}`, `{"a":{"b":[1,"2 \" ",null]}}`, `[]`, `"`, `{"seq":1e3}`, `{"&00":"< >"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again greet.HelloReply
		if json.New().Unmarshal(data, &m) == nil {
			text, err := json.New().Marshal(&m)
			if err != nil {
				t.Fatalf("got %v for what was just decoded, want it encoded", err)
			}
			if err := json.New().Unmarshal(text, &again); err != nil || again.String() != m.String() {
				t.Errorf("got %v, %v, want %v", &again, err, &m)
			}
		}
		var s structpb.Struct
		if json.New().Unmarshal(data, &s) == nil {
			checkCompact(t, &s)
		}
		var plain any
		if json.New().Unmarshal(data, &plain) == nil && plain != nil {
			if _, err := json.New().Marshal(plain); err != nil {
				t.Errorf("got %v for what was just decoded, want it encoded", err)
			}
		}
	})
}

func checkCompact(t *testing.T, s *structpb.Struct) {
	t.Helper()
	got, err := json.New().Marshal(s)
	if err != nil {
		return
	}
	loose, err := protojson.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var compact, want bytes.Buffer
	if err := stdjson.Compact(&compact, loose); err != nil {
		t.Fatal(err)
	}
	stdjson.HTMLEscape(&want, compact.Bytes())
	if string(got) != want.String()+"\n" {
		t.Errorf("got %q, want %q and a newline", got, want.String())
	}
}
