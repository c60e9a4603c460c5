// SPDX-License-Identifier: Apache-2.0

package jsonrpc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/mailcall/codec"
	"example.com/mailcall/codec/internal/greet"
	"example.com/mailcall/codec/jsonrpc"
)

const notFound = `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`

func TestAppendRequest(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    codec.Envelope
		v    any
		want string
	}{
		{"message", codec.Envelope{ID: "0", Method: "Greeter.Hello"}, &greet.HelloRequest{Name: "Ann", Count: 3},
			`{"params":[{"name":"Ann","count":3}],"id":"0","method":"Greeter.Hello"}` + "\n"},
		{"snake case", codec.Envelope{ID: "7", Method: "Greeter.Sleep"}, &greet.HelloRequest{SleepMs: 9},
			`{"params":[{"sleep_ms":9}],"id":"7","method":"Greeter.Sleep"}` + "\n"},
		{"zero", codec.Envelope{ID: "0", Method: "Greeter.Bidi"}, &greet.HelloRequest{},
			`{"params":[{}],"id":"0","method":"Greeter.Bidi"}` + "\n"},
		{"hostile strings", codec.Envelope{ID: `"`, Method: "a\n<b>"}, []string{"x"},
			`{"params":[["x"]],"id":"\"","method":"a\n\u003cb\u003e"}` + "\n"},
	} {
		got, err := jsonrpc.New().AppendRequest([]byte("before "), tc.e, tc.v)
		if err != nil || string(got) != "before "+tc.want {
			t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

func TestAppendReply(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    codec.Envelope
		v    any
		want string
	}{
		{"message", codec.Envelope{ID: "0"}, &greet.HelloReply{Greeting: "Hello Ann"},
			`{"id":"0","result":{"greeting":"Hello Ann"},"error":null}` + "\n"},
		{"error loses the id", codec.Envelope{ID: "5", Error: notFound}, nil,
			`{"id":"","result":null,"error":"{\"id\":\"greeter.fail\",\"code\":404,\"detail\":\"no such thing\",\"status\":\"Not Found\"}"}` + "\n"},
	} {
		got, err := jsonrpc.New().AppendReply(nil, tc.e, tc.v)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

func TestMarshalIsBare(t *testing.T) {
	got, err := jsonrpc.New().Marshal(&greet.HelloRequest{Name: "Ann", Count: 3})
	if want := `{"name":"Ann","count":3}`; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestReadRequestIDs(t *testing.T) {
	for id, want := range map[string]string{
		`"7"`: "7", `7`: "7", `12345678901234567890`: "12345678901234567890", `1.5`: "1.5",
		`null`: "", `true`: "true", `{"a": 1}`: `{"a": 1}`, `""`: "", `"a\"b"`: `a"b`,
	} {
		in := `{"method":"Greeter.Hello","id":` + id + `,"params":[{"name":"Z"}],"jsonrpc":"2.0"}`
		e, value, err := jsonrpc.New().ReadRequest([]byte(in))
		if err != nil || e.ID != want || e.Method != "Greeter.Hello" || string(value) != `{"name":"Z"}` {
			t.Errorf("%s: got %+v, %s, %v, want id %q", id, e, value, err, want)
		}
	}
	if e, _, err := jsonrpc.New().ReadRequest([]byte(`{"params":[1]}`)); err != nil || e != (codec.Envelope{}) {
		t.Errorf("no id: got %+v, %v, want an empty envelope", e, err)
	}
}

func TestReadRequestRefuses(t *testing.T) {
	for _, in := range []string{
		"", "null", "[]", "7", "{", `{"params":{}}`, `{"params":[]}`, `{"params":[1,2]}`, `{"method":"A.B"}`,
		`{"params":[1]}{}`, `{"params":[1],"method":7}`, `{bad}`,
	} {
		if e, value, err := jsonrpc.New().ReadRequest([]byte(in)); err == nil || !strings.HasPrefix(err.Error(), "json-rpc codec: request") {
			t.Errorf("%s: got %+v, %s, %v, want an error of the json-rpc codec", in, e, value, err)
		}
	}
}

func TestReadReply(t *testing.T) {
	quoted, err := json.Marshal(notFound)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ in, id, text, value string }{
		{`{"id":"0","result":{"greeting":"Hello Ann"},"error":null}` + "\n", "0", "", `{"greeting":"Hello Ann"}`},
		{`{"id":3,"result":7}`, "3", "", "7"},
		{`{"id":"0","result":null,"error":null}`, "0", "", "null"},
		{`{"id":"0","result":1,"error":""}`, "0", "", "1"},
		{`{"id":"","result":null,"error":` + string(quoted) + "}\n", "", notFound, ""},
		{`{"id":"","error":{"code":-32601}}`, "", `{"code":-32601}`, ""},
	} {
		e, value, err := jsonrpc.New().ReadReply([]byte(tc.in))
		if err != nil || e.ID != tc.id || e.Error != tc.text || string(value) != tc.value {
			t.Errorf("%s: got %+v, %s, %v, want id %q, error %q, value %s", tc.in, e, value, err, tc.id, tc.text, tc.value)
		}
	}
}

func TestReadReplyRefuses(t *testing.T) {
	for _, in := range []string{"", "null", "[]", "{}", `{"id":"0"}`, `{"id":"0","error":null}`, `{"result":1} x`} {
		if e, value, err := jsonrpc.New().ReadReply([]byte(in)); err == nil || !strings.HasPrefix(err.Error(), "json-rpc codec: reply") || strings.Contains(err.Error(), "struct {") {
			t.Errorf("%s: got %+v, %s, %v, want an error of the json-rpc codec", in, e, value, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	c := jsonrpc.New()
	sent := codec.Envelope{ID: "42", Method: "Greeter.Hello"}
	data, err := c.AppendRequest(nil, sent, &greet.HelloRequest{Name: "Ann <&>", Count: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	e, value, err := c.ReadRequest(data)
	if err != nil || e != sent {
		t.Fatalf("got %+v, %v, want %+v", e, err, sent)
	}
	var m greet.HelloRequest
	if err := c.Unmarshal(value, &m); err != nil || m.Name != "Ann <&>" || m.Count != 1<<60 {
		t.Errorf("got %v, %v, want what was sent", &m, err)
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"params":[{"name":"Ann","count":3}],"id":"0","method":"Greeter.Hello"}` + "\n"))
	f.Add([]byte(`{"params":[1],"id":{"a":[null]},"method":""}`))
	f.Add([]byte(`{"id":"\ud800"}`))
	f.Add([]byte("{\"params\":[0],\"id\":{\"\xde\":[]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, value, err := jsonrpc.New().ReadRequest(data)
		if err != nil {
			return
		}
		out, err := jsonrpc.New().AppendRequest(nil, e, json.RawMessage(value))
		if err != nil {
			t.Fatalf("got %v for what was just read, want it written", err)
		}
		if again, _, err := jsonrpc.New().ReadRequest(out); err != nil || again != e {
			t.Errorf("got %+v, %v, want %+v", again, err, e)
		}
	})
}

func FuzzReadReply(f *testing.F) {
	f.Add([]byte(`{"id":"0","result":{"greeting":"Hello Ann"},"error":null}` + "\n"))
	f.Add([]byte(`{"id":"","result":null,"error":"{\"id\":\"greeter.fail\"}"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, value, err := jsonrpc.New().ReadReply(data)
		if err != nil {
			return
		}
		out, err := jsonrpc.New().AppendReply(nil, e, json.RawMessage(value))
		if err != nil {
			t.Fatalf("got %v for what was just read, want it written", err)
		}
		if again, _, err := jsonrpc.New().ReadReply(out); err != nil || again.Error != e.Error {
			t.Errorf("got %+v, %v, want %+v", again, err, e)
		}
	})
}
