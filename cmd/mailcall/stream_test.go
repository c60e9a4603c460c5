// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStream(t *testing.T) {
	at := "--address=" + serve(t)
	file := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(file, []byte(`{"name":"File"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	quick := "--half-close-wait=200ms"
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		code  int
		out   string // all of stdout
		err   string // part of stderr
	}{
		{"client", []string{quick, "greeter", "Greeter.ClientStream"}, lines(`{"count":3}`, ``, `{"count":"4"}`), 0, lines(`{"greeting":"got 2","seq":"7"}`), ""},
		{"server", []string{"greeter", "Greeter.ServerStream"}, `{"name":"Ada","count":2}`, 0, lines(`{"greeting":"Hello Ada"}`, `{"greeting":"Hello Ada","seq":"1"}`), ""},
		{"ended by the service", []string{"greeter", "Greeter.Bidi"}, lines(`{"name":"a"}`, `{"count":-1}`), 0, lines(`{"greeting":"Hello a"}`), ""},
		{"no input", []string{quick, "greeter", "Greeter.Bidi"}, "", 0, "", ""},
		{"file", []string{quick, "greeter", "Greeter.Bidi", "@" + file}, "", 0, lines(`{"greeting":"Hello File"}`), ""},
		{"events", []string{quick, "-v", "greeter", "Greeter.Bidi", "-"}, `{"name":"a"}`, 0, lines(`{"greeting":"Hello a"}`), "half-closed after 1\n"},
		{"protobuf", []string{quick, "--content-type=application/protobuf", "greeter", "Greeter.Bidi"}, `{"name":"a","count":2}`, 0, lines(`{"greeting":"Hello a","seq":"2"}`), ""},
		{"raw", []string{quick, "--raw", "--content-type=application/json", "greeter", "Greeter.Bidi"}, `{"name":"a"}`, 0, lines(`{"greeting":"Hello a"}`), ""},

		{"the service's error", []string{"greeter", "Greeter.Bidi"}, lines(`{"name":"a"}`, `{"code":404,"detail":"no such thing"}`), 2, lines(`{"greeting":"Hello a"}`), "no such thing (greeter.fail, 404 Not Found)"},
		{"no such endpoint", []string{"greeter", "Greeter.Nope"}, `{}`, 2, "", "hint: check the name of the endpoint"},
		{"no time", []string{"--stream-timeout=100ms", "--half-close-wait=1m", "greeter", "Greeter.Bidi"}, "", 3, "", "hint: increase --stream-timeout"},
		{"line that is not JSON", []string{"greeter", "Greeter.ClientStream"}, lines(`{}`, `{"name":`), 1, "", "line 2 of the input: the body is not JSON"},
		{"line over the limit", []string{"greeter", "Greeter.ClientStream"}, `"` + strings.Repeat("x", 4<<20) + `"`, 1, "", "line 1 of the input is larger than the limit of 4194304 bytes"},
		{"no schema", []string{"--content-type=application/protobuf", "other", "Other.Bidi"}, `{}`, 1, "", "hint: add --schema"},
		{"not a stream's type", []string{"--content-type=application/grpc+json", "greeter", "Greeter.Bidi"}, `{}`, 1, "", "cannot be streamed over http"},
		{"no input", []string{"greeter", "Greeter.Bidi", "{}"}, "", 1, "", "is not a valid input"},
		{"no such file", []string{"greeter", "Greeter.Bidi", "@" + file + ".not"}, "", 1, "", "no such file"},
	} {
		cmd := command(t, append([]string{"stream", at}, tc.args...)...)
		cmd.Stdin = strings.NewReader(tc.stdin)
		got := finish(t, cmd)
		if got.code != tc.code || got.out != tc.out || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%s: got exit code %d, %q, %q, want %d, %q and %q in the errors", tc.name, got.code, got.out, got.errors, tc.code, tc.out, tc.err)
		}
		if tc.code == 0 && tc.err == "" && got.errors != "" {
			t.Errorf("%s: got %q on stderr, want nothing", tc.name, got.errors)
		}
	}
}

func TestStreamShowsAttempts(t *testing.T) {
	got := mailcall(t, "stream", "-v", "--address", closedPort(t), "--retries=1", "greeter", "Greeter.Bidi")
	if got.code != 3 || !strings.Contains(got.errors, "attempt 2: ") {
		t.Errorf("got exit code %d and %q, want 3 and both attempts", got.code, got.errors)
	}
}

func TestStreamTalks(t *testing.T) {
	d := talk(t, "stream", "--transport=tcp", "--address", serve(t, "--transport=tcp"), "greeter", "Greeter.Bidi")
	for _, name := range []string{"a", "b"} { // each reply arrives before the next line is written
		d.say(t, `{"name":"`+name+`"}`)
		d.hear(t, d.out, `{"greeting":"Hello `+name+`"}`)
	}
	d.in.Close()
	if got := d.end(t); got.code != 0 || got.out != "" || got.errors != "" {
		t.Errorf("got exit code %d, %q, %q, want 0 and no more", got.code, got.out, got.errors)
	}
}

func TestInterruptedStream(t *testing.T) {
	address := serve(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		d := talk(t, "stream", "--address", address, "greeter", "Greeter.Bidi")
		d.say(t, `{"name":"a"}`)
		d.hear(t, d.out, `{"greeting":"Hello a"}`)
		if err := d.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if got := d.end(t); got.code != 3 || !strings.Contains(got.errors, "hint: interrupted") {
			t.Errorf("%s: got exit code %d and %q, want 3 and that it was interrupted", s, got.code, got.errors)
		}
	}
}

func TestErrorsOfStreamsAsJSON(t *testing.T) {
	for _, tc := range []struct {
		name     string
		args     []string
		code     int
		wire     int
		attempts int
	}{
		{"the service's", []string{"--address", serve(t), "greeter", "Greeter.Bidi"}, 2, 404, 1},
		{"nobody", []string{"--address", closedPort(t), "--retries=1", "greeter", "Greeter.Bidi"}, 3, 500, 2},
		{"no address", []string{"greeter", "Greeter.Bidi"}, 1, 400, 0},
	} {
		cmd := command(t, append([]string{"stream", "--json", "-v"}, tc.args...)...)
		cmd.Stdin = strings.NewReader(`{"code":404,"detail":"gone"}`)
		got := finish(t, cmd)
		var f failure
		d := json.NewDecoder(strings.NewReader(got.errors))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil || d.More() {
			t.Errorf("%s: got %q, want one JSON object: %v", tc.name, got.errors, err)
			continue
		}
		if got.code != tc.code || f.Code == nil || *f.Code != tc.wire || len(f.Attempts) != tc.attempts {
			t.Errorf("%s: got exit code %d and %s, want %d, code %d and %d attempts", tc.name, got.code, got.errors, tc.code, tc.wire, tc.attempts)
		}
	}
}
