// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

type failure struct {
	ID       *string `json:"id"`
	Code     *int    `json:"code"`
	Detail   *string `json:"detail"`
	Status   *string `json:"status"`
	Attempts []struct {
		Node     *string `json:"node"`
		Phase    *string `json:"phase"`
		Proof    *string `json:"proof"`
		Start    *int64  `json:"start_ns"`
		Duration *int64  `json:"duration_ns"`
		Error    *string `json:"error"`
		Decision string  `json:"decision"`
	} `json:"attempts"`
}

func TestErrorsAsJSON(t *testing.T) {
	address := serve(t)
	nobody := closedPort(t)
	for _, tc := range []struct {
		name       string
		args       []string
		code, wire int
		id         string
		attempts   int
		phase      string
		proof      string
	}{
		{"the service's", []string{"--address", address, "greeter", "Greeter.Fail", `{"code":404,"detail":"gone"}`}, 2, 404, "greeter.fail", 1, "decode", "executed"},
		{"plain", []string{"--address", address, "greeter", "Greeter.Plain"}, 2, 0, "", 1, "decode", "executed"},
		{"deadline", []string{"--address", address, "--timeout=50ms", "-v", "greeter", "Greeter.Panic"}, 3, 408, "go.micro.client", 1, "wait", "sent-unknown"},
		{"nobody", []string{"--address", nobody, "--retries=1", "greeter", "Greeter.Hello"}, 3, 500, "go.micro.client", 2, "dial", "not-sent"},
		{"no address", []string{"greeter", "Greeter.Hello"}, 1, 400, "mailcall", 0, "", ""},
		{"no endpoint", []string{"greeter"}, 1, 400, "mailcall", 0, "", ""},
		{"bad header", []string{"--address", address, "-H", "x", "greeter", "Greeter.Hello"}, 1, 400, "mailcall", 0, "", ""},
		{"no name of an endpoint", []string{"--address", address, "greeter", ""}, 1, 400, "mailcall", 0, "", ""},
	} {
		got := mailcall(t, append([]string{"call", "--json"}, tc.args...)...)
		var f failure
		d := json.NewDecoder(strings.NewReader(got.errors))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil || d.Decode(new(any)) != io.EOF {
			t.Errorf("%s: got %q, want one JSON object: %v", tc.name, got.errors, err)
			continue
		}
		if got.code != tc.code || got.out != "" {
			t.Errorf("%s: got exit code %d and %q, want %d and nothing on stdout", tc.name, got.code, got.out, tc.code)
		}
		if f.ID == nil || *f.ID != tc.id || f.Code == nil || *f.Code != tc.wire || f.Detail == nil || *f.Detail == "" || f.Status == nil {
			t.Errorf("%s: got %s, want id %q, code %d, a detail and a status", tc.name, got.errors, tc.id, tc.wire)
		}
		if f.Attempts == nil || len(f.Attempts) != tc.attempts {
			t.Errorf("%s: got %s, want %d attempts", tc.name, got.errors, tc.attempts)
			continue
		}
		for _, a := range f.Attempts {
			if a.Node == nil || a.Start == nil || a.Duration == nil || a.Error == nil || a.Phase == nil || *a.Phase != tc.phase || a.Proof == nil || *a.Proof != tc.proof {
				t.Errorf("%s: got %s, want attempts in phase %s that prove %s", tc.name, got.errors, tc.phase, tc.proof)
			}
		}
		if n := len(f.Attempts); n > 1 && !strings.Contains(f.Attempts[n-1].Decision, "all 2 attempts are used") {
			t.Errorf("%s: got %s, want why there was no other attempt", tc.name, got.errors)
		}
	}
}

func TestErrorsOfWrongLinesAsJSON(t *testing.T) {
	for _, tc := range []struct {
		args   []string
		object bool
	}{
		{[]string{"--json"}, true},
		{[]string{"--json=true"}, true},
		{[]string{"--json=1"}, true},
		{[]string{"--json=false"}, false},
		{[]string{"--json", "--json=no"}, false},
		{[]string{"--", "--json"}, false},
	} {
		got := mailcall(t, append([]string{"call", "--timeout=soon"}, tc.args...)...)
		if is := json.Valid([]byte(got.errors)); got.code != 1 || got.errors == "" || is != tc.object {
			t.Errorf("%q: got exit code %d and %q, want 1 and an object: %t", tc.args, got.code, got.errors, tc.object)
		}
	}
}
