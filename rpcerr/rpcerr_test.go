// SPDX-License-Identifier: Apache-2.0

package rpcerr_test

import (
	"encoding/json"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"example.com/mailcall/rpcerr"
)

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  *rpcerr.Error
		want string
	}{
		{"400", rpcerr.New("greeter.fail", 400, "failure"), `{"id":"greeter.fail","code":400,"detail":"failure","status":"Bad Request"}`},
		{"401", rpcerr.New("greeter.fail", 401, "failure"), `{"id":"greeter.fail","code":401,"detail":"failure","status":"Unauthorized"}`},
		{"403", rpcerr.New("greeter.fail", 403, "failure"), `{"id":"greeter.fail","code":403,"detail":"failure","status":"Forbidden"}`},
		{"404", rpcerr.New("greeter.fail", 404, "no such thing"), `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`},
		{"408", rpcerr.New("greeter.fail", 408, "failure"), `{"id":"greeter.fail","code":408,"detail":"failure","status":"Request Timeout"}`},
		{"409", rpcerr.New("greeter.fail", 409, "failure"), `{"id":"greeter.fail","code":409,"detail":"failure","status":"Conflict"}`},
		{"500", rpcerr.New("greeter.fail", 500, "failure"), `{"id":"greeter.fail","code":500,"detail":"failure","status":"Internal Server Error"}`},
		{"503", rpcerr.New("greeter.fail", 503, "failure"), `{"id":"greeter.fail","code":503,"detail":"failure","status":"Service Unavailable"}`},
		{"code 0", rpcerr.New("greeter.fail", 0, "failure"), `{"id":"greeter.fail","detail":"failure"}`},
		{"code without a phrase", rpcerr.New("greeter.fail", 799, "failure"), `{"id":"greeter.fail","code":799,"detail":"failure"}`},
		{"html", rpcerr.New("go.micro.client", 408, "<nil>"), `{"id":"go.micro.client","code":408,"detail":"\u003cnil\u003e","status":"Request Timeout"}`},
		{"characters", rpcerr.New("a", 799, "<b>&\n\"ä€\""), `{"id":"a","code":799,"detail":"\u003cb\u003e\u0026\n\"ä€\""}`},
		{"no detail", rpcerr.New("a", 404, ""), `{"id":"a","code":404,"status":"Not Found"}`},
		{"plain text", rpcerr.Parse("plain failure"), "plain failure"},
		{"nothing", rpcerr.New("", 0, ""), ""},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     rpcerr.Error
	}{
		{"object", `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`,
			rpcerr.Error{ID: "greeter.fail", Code: 404, Detail: "no such thing", Status: "Not Found"}},
		{"code 0", `{"id":"greeter.fail","detail":"failure"}`, rpcerr.Error{ID: "greeter.fail", Detail: "failure"}},
		{"code without a phrase", `{"id":"a","code":799}`, rpcerr.Error{ID: "a", Code: 799}},
		{"unknown members", `{"id":"a","code":1,"reason":"r","domain":{"x":[1]}}`, rpcerr.Error{ID: "a", Code: 1}},
		{"escapes", `{"detail":"\u003cnil\u003e","id":"a"}`, rpcerr.Error{ID: "a", Detail: "<nil>"}},
		{"spaces around", " {\"id\":\"a\"}\n", rpcerr.Error{ID: "a"}},
		{"plain", "plain failure", rpcerr.Error{Detail: "plain failure"}},
		{"router", "rpc: can't find method Nope", rpcerr.Error{Detail: "rpc: can't find method Nope"}},
		{"empty", "", rpcerr.Error{}},
		{"broken object", `{"id":`, rpcerr.Error{Detail: `{"id":`}},
		{"wrong type", `{"code":"404"}`, rpcerr.Error{Detail: `{"code":"404"}`}},
		{"code too big", `{"code":4294967296}`, rpcerr.Error{Detail: `{"code":4294967296}`}},
		{"two objects", `{"id":"a"}{}`, rpcerr.Error{Detail: `{"id":"a"}{}`}},
		{"another kind of object", `{"error":"no stock","item":5}`, rpcerr.Error{Detail: `{"error":"no stock","item":5}`}},
		{"error of JSON-RPC 2.0", `{"code":-32601,"message":"no such method"}`,
			rpcerr.Error{Code: -32601, Detail: `{"code":-32601,"message":"no such method"}`}},
		{"reason without detail", `{"code":409,"status":"Conflict","reason":"TAKEN"}`,
			rpcerr.Error{Code: 409, Status: "Conflict", Detail: `{"code":409,"status":"Conflict","reason":"TAKEN"}`}},
		{"code and status", `{"code":404,"status":"Not Found"}`, rpcerr.Error{Code: 404, Status: "Not Found"}},
		{"no members", `{}`, rpcerr.Error{Detail: `{}`}},
		{"array", `["a"]`, rpcerr.Error{Detail: `["a"]`}},
	} {
		got := rpcerr.Parse(tc.in)
		if got.ID != tc.want.ID || got.Code != tc.want.Code || got.Detail != tc.want.Detail || got.Status != tc.want.Status {
			t.Errorf("%s: got %#v, want %#v", tc.name, got, &tc.want)
		}
		if !got.FromServer() {
			t.Errorf("%s: got FromServer false, want true", tc.name)
		}
	}
}

// What a service sent is what go-micro's clients return, members included that
// nobody here knows.
func TestParsedTextIsKept(t *testing.T) {
	for _, text := range []string{
		`{"id":"greeter.fail","code":404,"detail":"","status":"Not Found"}`,
		`{"id":"greeter.fail","code":409,"detail":"taken","status":"Conflict","reason":"TAKEN","domain":"shop"}`,
		`{"detail":"taken","reason":"TAKEN"}`,
		`{"code":404, "id":"a"}`,
		`{"error":"no stock"}`,
		"plain failure",
	} {
		if got := rpcerr.Parse(text).Error(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	e := rpcerr.Parse(`{"id":"a","code":409,"reason":"TAKEN"}`)
	if got, err := json.Marshal(e); err != nil || string(got) != `{"id":"a","code":409}` {
		t.Errorf("got %s, %v as JSON, want the members that are known", got, err)
	}
}

func TestJSON(t *testing.T) {
	const text = `{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`
	var e rpcerr.Error
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&e)
	if err != nil || string(got) != text {
		t.Errorf("got %s, %v, want %s", got, err, text)
	}
	if e.FromServer() {
		t.Error("got FromServer true for what json decoded, want false")
	}
	if err := e.UnmarshalJSON([]byte(`{"code":"x"}`)); err == nil || e.Code != 404 {
		t.Errorf("got %v, code %d, want an error and the value as it was", err, e.Code)
	}
}

func TestIs(t *testing.T) {
	e := error(rpcerr.New("greeter.fail", 404, "no such thing"))
	for _, tc := range []struct {
		name   string
		target error
		want   bool
	}{
		{"same code", &rpcerr.Error{Code: 404}, true},
		{"same code and id", rpcerr.New("greeter.fail", 404, ""), true},
		{"other id", rpcerr.New("billing", 404, ""), false},
		{"other code", &rpcerr.Error{Code: 500}, false},
		{"another kind", io.EOF, false},
	} {
		if got := errors.Is(e, tc.target); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	e := rpcerr.Wrap(io.ErrUnexpectedEOF, rpcerr.IDTransport, 500, "")
	want := `{"id":"go.micro.client.transport","code":500,"detail":"unexpected EOF","status":"Internal Server Error"}`
	if got := e.Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !errors.Is(e, io.ErrUnexpectedEOF) || e.FromServer() {
		t.Errorf("got cause %v, from server %t, want unexpected EOF, false", e.Unwrap(), e.FromServer())
	}
	if got := rpcerr.Wrap(io.EOF, "a", 500, "words").Detail; got != "words" {
		t.Errorf("got detail %q, want %q", got, "words")
	}
	if got := rpcerr.Wrap(nil, "a", 500, "").Unwrap(); got != nil {
		t.Errorf("got cause %v, want none", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"id":"greeter.fail","code":404,"detail":"no such thing","status":"Not Found"}`)
	f.Add("plain failure")
	f.Add(`{"code":1e3}`)
	f.Add("{\"detail\":\"\\ud800\"}")
	f.Fuzz(func(t *testing.T, text string) {
		e := rpcerr.Parse(text)
		if !e.FromServer() {
			t.Error("got FromServer false, want true")
		}
		if !utf8.ValidString(text) {
			return
		}
		// What was parsed says the same when it is parsed again, unless it
		// was plain text to begin with.
		if e.ID == "" && e.Code == 0 && e.Status == "" {
			return
		}
		if again := rpcerr.Parse(e.Error()); *again != *e {
			t.Errorf("got %#v, want %#v", again, e)
		}
	})
}
