// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/mailcall/inspect"
	"example.com/mailcall/messages"
)

var update = flag.Bool("update", false, "write the golden files anew")

// still is a source that always returns the same snapshot, and counts how many were
// taken.
type still struct {
	picture messages.Snapshot
	looks   int
}

func (s *still) Snapshot() messages.Snapshot {
	s.looks++
	return s.picture
}

func picture() messages.Snapshot {
	return messages.Snapshot{
		Taken:  time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Totals: messages.Totals{Calls: 90, Live: 2, Failed: 3, Retries: 4, Hedges: 5, Late: 6},
		Actors: []messages.ActorInfo{
			{ID: "mailcall/root", Kind: "root", Received: 7},
			{ID: "mailcall/root/selector-greeter-1", Parent: "mailcall/root", Kind: "selector", Depth: 3, MaxDepth: 9, Received: 11, Busy: time.Second},
		},
		Services: []messages.ServiceInfo{
			{Name: "empty", Budget: 10, Stale: "registry unreachable"},
			{Name: "greeter", Addresses: []string{"127.0.0.1:9001"}, Budget: 9.5, Nodes: []messages.NodeInfo{
				{ID: "a", Address: "127.0.0.1:9001", Version: "1", Transport: "http", Legacy: true, Health: "ejected", InFlight: 1, Answers: 80, Faults: 5, Load: time.Millisecond},
				{ID: "b", Address: "127.0.0.1:9002", Transport: "http", Health: "healthy"},
			}},
		},
		Pools: []messages.PoolInfo{{
			Address: "127.0.0.1:9001", Transport: "http", Open: 4, Idle: 2, Lent: 2, Dialing: 1, Max: 8, Waiters: 3,
			Dialled: 12, DialFailures: 2, Discarded: 8, OldestIdle: time.Minute,
		}},
		Calls: []messages.CallInfo{
			{ID: "mailcall/call-0#3", Service: "greeter", Endpoint: "Greeter.Hello", Age: 3 * time.Second, Phase: "wait", Attempts: []messages.AttemptInfo{
				{Node: "127.0.0.1:9001", Phase: "wait", Age: 2 * time.Second},
			}},
			{ID: "mailcall/call-1#1", Service: "greeter", Endpoint: "Greeter.Hello", Age: time.Second, Phase: "pick"},
		},
		Streams: []messages.StreamInfo{{
			ID: "mailcall/stream-1", Service: "greeter", Endpoint: "Greeter.Bidi", Node: "127.0.0.1:9001", Age: time.Minute,
			HalfClosed: true, Sent: 3, SentBytes: 300, Received: 2, ReceivedBytes: 200, Receiving: time.Second,
		}},
	}
}

func settings() any {
	return []map[string]string{{"name": "retries", "value": "2", "source": "default"}}
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	return ask(h, http.MethodGet, "http://localhost:80"+path, nil)
}

func ask(h http.Handler, method, url string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	full := inspect.Handler(&still{picture: picture()}, inspect.WithSettings(settings))
	empty := inspect.Handler(&still{})
	for _, tc := range []struct {
		golden, path string
		handler      http.Handler
	}{
		{"index", "/v1/", full},
		{"summary", "/v1/summary", full},
		{"actors", "/v1/actors", full},
		{"services", "/v1/services", full},
		{"pools", "/v1/pools", full},
		{"calls", "/v1/calls", full},
		{"calls_limit_1", "/v1/calls?limit=1", full},
		{"calls_empty_of_now", "/v1/calls?service=other", full},
		{"calls_limit_1", "/v1/calls?limit=1&service=greeter", full},
		{"calls_old", "/v1/calls?service=greeter&min_ms=3000", full},
		{"calls_empty_of_now", "/v1/calls?min_ms=3001", full},
		{"call", "/v1/calls/mailcall/call-0%233", full},
		{"service", "/v1/services/greeter", full},
		{"actor", "/v1/actors/mailcall/root", full},
		{"stream", "/v1/streams/mailcall/stream-1", full},
		{"streams", "/v1/streams?min_ms=60000", full},
		{"streams", "/v1/streams", full},
		{"config", "/v1/config", full},
		{"snapshot", "/v1/snapshot", full},
		{"index_without_settings", "/v1/", empty},
		{"snapshot_empty", "/v1/snapshot", empty},
		{"calls_empty", "/v1/calls", empty},
	} {
		w := get(tc.handler, tc.path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got status %d, %q, want 200, application/json", tc.path, w.Code, w.Header().Get("Content-Type"))
		}
		var got bytes.Buffer
		if err := json.Indent(&got, w.Body.Bytes(), "", "  "); err != nil {
			t.Errorf("%s: got %q, want JSON: %v", tc.path, w.Body, err)
			continue
		}
		golden(t, tc.golden, got.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(go test ./inspect -update writes it anew)", name, got, want)
	}
}

func TestPage(t *testing.T) {
	h := inspect.Handler(&still{})
	for path, contentType := range map[string]string{"/": "text/html", "/app.css": "text/css", "/app.js": "text/javascript"} {
		w := get(h, path)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) || w.Body.Len() == 0 {
			t.Errorf("%s: got %d, %q, %d bytes, want 200, %s, some", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len(), contentType)
		}
	}
}

func TestMountedUnderAPrefix(t *testing.T) {
	h := http.StripPrefix("/debug/mailcall", inspect.Handler(&still{}))
	for _, path := range []string{"/debug/mailcall", "/debug/mailcall/", "/debug/mailcall/app.js", "/debug/mailcall/v1/summary"} {
		if w := get(h, path); w.Code != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", path, w.Code)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	for _, tc := range []struct {
		name, method, url string
		want              int
	}{
		{"unknown path", "GET", "http://localhost/v1/nothing", 404},
		{"unknown file", "GET", "http://localhost/../option.go", 404},
		{"no settings", "GET", "http://localhost/v1/config", 404},
		{"post", "POST", "http://localhost/v1/summary", 405},
		{"options", "OPTIONS", "http://localhost/v1/summary", 405},
		{"delete", "DELETE", "http://localhost/", 405},
		{"limit is a word", "GET", "http://localhost/v1/calls?limit=all", 400},
		{"limit is negative", "GET", "http://localhost/v1/actors?limit=-1", 400},
		{"age is a word", "GET", "http://localhost/v1/calls?min_ms=old", 400},
		{"a call that is over", "GET", "http://localhost/v1/calls/mailcall/call-0%234", 404},
		{"no service", "GET", "http://localhost/v1/services/", 404},
		{"another service", "GET", "http://localhost/v1/services/other", 404},
		{"one of no list", "GET", "http://localhost/v1/nothing/other", 404},
		{"age beyond", "GET", "http://localhost/v1/calls?min_ms=9223372036854775807", 200},
		{"head", "HEAD", "http://localhost/v1/summary", 200},
		{"limit 0", "GET", "http://localhost/v1/pools?limit=0", 200},
		{"limit beyond", "GET", "http://localhost/v1/services?limit=99999", 200},
	} {
		w := ask(inspect.Handler(&still{picture: picture()}), tc.method, tc.url, nil)
		if w.Code != tc.want {
			t.Errorf("%s: got status %d, want %d", tc.name, w.Code, tc.want)
		}
		if tc.want == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: got Allow %q, want GET, HEAD", tc.name, w.Header().Get("Allow"))
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", tc.name, name, got, want)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got policy %q, want one that starts from nothing", tc.name, csp)
		}
	}
}

func TestSettingsThatCannotBeEncoded(t *testing.T) {
	w := get(inspect.Handler(&still{}, inspect.WithSettings(func() any { return func() {} })), "/v1/config")
	if w.Code != http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) {
		t.Errorf("got %d %q, want 500 and JSON", w.Code, w.Body)
	}
}

func TestHost(t *testing.T) {
	for _, tc := range []struct {
		host string
		want int
	}{
		{"localhost", 200}, {"LOCALHOST:9", 200}, {"127.0.0.1", 200}, {"127.0.0.1:8080", 200}, {"127.9.9.9:1", 200},
		{"[::1]", 200}, {"[::1]:8080", 200}, {"[::ffff:127.0.0.1]:1", 200},
		{"ops.example.com", 200}, {"Ops.Example.COM:443", 200},
		{"example.com", 403}, {"ops.example.com.evil.example", 403}, {"localhost.evil.example", 403}, {"127.0.0.1.evil.example", 403},
		{"10.0.0.1", 403}, {"0.0.0.0:80", 403}, {"[::]", 403}, {"", 403}, {":80", 403}, {"127.0.0.1:80:80", 403},
	} {
		source := &still{}
		r := httptest.NewRequest(http.MethodGet, "/v1/summary", nil)
		r.Host = tc.host
		w := httptest.NewRecorder()
		inspect.Handler(source, inspect.WithHosts("ops.example.com")).ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("Host %q: got status %d, want %d", tc.host, w.Code, tc.want)
		}
		if tc.want == 403 && source.looks != 0 {
			t.Errorf("Host %q: got a snapshot taken for who is refused, want none", tc.host)
		}
	}
}

const token = "0123456789abcdef0123456789abcdef"

func TestToken(t *testing.T) {
	h := inspect.Handler(&still{}, inspect.WithToken(token))
	for _, tc := range []struct {
		name, url string
		header    http.Header
		want      int
	}{
		{"none", "http://localhost/v1/summary", nil, 401},
		{"none for the page", "http://localhost/", nil, 401},
		{"header", "http://localhost/v1/summary", http.Header{"Authorization": {"Bearer " + token}}, 200},
		{"wrong header", "http://localhost/v1/summary", http.Header{"Authorization": {"Bearer " + token[1:]}}, 401},
		{"bare header", "http://localhost/v1/summary", http.Header{"Authorization": {token}}, 401},
		{"wrong parameter", "http://localhost/?token=x", nil, 401},
		{"empty parameter", "http://localhost/?token=", nil, 401},
		{"host first", "http://example.com/v1/summary", http.Header{"Authorization": {"Bearer " + token}}, 403},
	} {
		if w := ask(h, http.MethodGet, tc.url, tc.header); w.Code != tc.want {
			t.Errorf("%s: got status %d, want %d", tc.name, w.Code, tc.want)
		}
	}
	w := ask(h, http.MethodGet, "http://localhost/v1/summary?token="+token, nil)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./summary" {
		t.Fatalf("got %d to %q, want 303 to ./summary", w.Code, w.Header().Get("Location"))
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("got cookies %v, want one that is HttpOnly and SameSite=Strict", cookies)
	}
	if w := ask(h, http.MethodGet, "http://localhost/v1/summary", http.Header{"Cookie": {cookies[0].String()}}); w.Code != 200 {
		t.Errorf("with the cookie: got status %d, want 200", w.Code)
	}
	if w := ask(h, http.MethodGet, "http://localhost/v1/summary", http.Header{"Cookie": {cookies[0].Name + "=x"}}); w.Code != 401 {
		t.Errorf("with another value in the cookie: got status %d, want 401", w.Code)
	}
}

// A browser sends the cookies of all ports of a host to each: those of two
// inspectors must not replace one another.
func TestInspectorsHaveCookiesOfTheirOwn(t *testing.T) {
	var sent []string
	handlers := map[string]http.Handler{}
	for _, token := range []string{strings.Repeat("a", 32), strings.Repeat("b", 32)} {
		h := inspect.Handler(&still{}, inspect.WithToken(token))
		handlers[token] = h
		jar := get(h, "/?token="+token).Result().Cookies()
		if len(jar) != 1 || len(sent) == 1 && strings.HasPrefix(sent[0], jar[0].Name+"=") {
			t.Fatalf("got cookies %v after %v, want one of another name", jar, sent)
		}
		sent = append(sent, jar[0].Name+"="+jar[0].Value)
	}
	for token, h := range handlers {
		if w := ask(h, http.MethodGet, "http://localhost/v1/summary", http.Header{"Cookie": {strings.Join(sent, "; ")}}); w.Code != 200 {
			t.Errorf("%s: got status %d with both cookies, want 200", token, w.Code)
		}
	}
}

// A token may have bytes that a cookie may not.
func TestTokenOfAnyBytes(t *testing.T) {
	const odd = `0123456789; x="y",\é%41`
	h := inspect.Handler(&still{}, inspect.WithToken(odd))
	cookies := get(h, "/?token="+url.QueryEscape(odd)).Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got cookies %v, want one", cookies)
	}
	sent := http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}
	if w := ask(h, http.MethodGet, "http://localhost/v1/summary", sent); w.Code != 200 {
		t.Errorf("with the cookie: got status %d, want 200", w.Code)
	}
}

func TestCostsNothingUnlessLookedAt(t *testing.T) {
	before := goleak.IgnoreCurrent()
	source := &still{picture: picture()}
	h := inspect.Handler(source, inspect.WithSettings(settings))
	if source.looks != 0 {
		t.Errorf("got %d snapshots without a request, want none", source.looks)
	}
	for _, path := range []string{"/", "/app.js", "/v1/", "/v1/config"} {
		get(h, path)
	}
	if source.looks != 0 {
		t.Errorf("got %d snapshots for what needs none, want none", source.looks)
	}
	for i, path := range []string{"/v1/summary", "/v1/snapshot", "/v1/calls", "/v1/actors"} {
		if get(h, path); source.looks != i+1 {
			t.Errorf("%s: got %d snapshots so far, want %d", path, source.looks, i+1)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("got goroutines of the handler, want none: %v", err)
	}
}
