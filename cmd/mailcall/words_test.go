// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestWords(t *testing.T) {
	for _, tc := range []struct {
		args     []string
		code     int
		out, err string // parts of the output
	}{
		{[]string{"version"}, 0, "mailcall ", ""},
		{[]string{"--version"}, 0, "mailcall ", ""},
		{[]string{"--help"}, 0, "explain", ""},
		{[]string{"call", "--help"}, 0, "--attempt-timeout", ""},
		{[]string{"stream", "--help"}, 0, "--half-close-wait", ""},
		{[]string{"publish", "--help"}, 0, "--broker-address", ""},
		{[]string{"subscribe", "--help"}, 0, "--queue", ""},
		{[]string{"ls", "--help"}, 0, "--registry", ""},
		{[]string{"explain"}, 0, "request_timeout", ""},
		{nil, 1, "", "hint: "},
		{[]string{"dial"}, 1, "", "unexpected argument dial"},
		{[]string{"call", "--bogus=x"}, 1, "", "hint: mailcall call --help"},
		{[]string{"ls"}, 1, "", "hint: mailcall ls --help"},
		{[]string{"version", "now"}, 1, "", "unexpected argument now"},
		{[]string{"demo", "--nodes=0"}, 1, "", "it must be 1 to 64"},
		{[]string{"demo", "--nodes=65"}, 1, "", "it must be 1 to 64"},
		{[]string{"demo", "--rate=-1"}, 1, "", "it must be 0 to"},
		{[]string{"demo", "--duration=0s"}, 1, "", "it must be positive"},
		{[]string{"demo", "--nodes=many"}, 1, "", `mailcall: --nodes: "many" is not a number, such as 3` + "\n"},
		{[]string{"demo", "--duration=10"}, 1, "", `mailcall: --duration: "10" is not a duration, such as 5s` + "\n"},
		{[]string{"call", "--attempt-timeout=", "greeter", "Greeter.Hello"}, 1, "", `mailcall: --attempt-timeout: "" is not a duration, such as 5s` + "\n"},
		{[]string{"call", "--timeout=-1s", "--retries=-1", "--transport=memory", "greeter", "Greeter.Hello"}, 1, "", "must not be negative; option Retries is -1"},
		{[]string{"serve", "--name="}, 1, "", "the name of the service is empty"},
		{[]string{"serve", "--fail=x"}, 1, "", `mailcall: --fail: "x" is not a number, such as 0.5` + "\n"},
		{[]string{"serve", "--fail=1.5"}, 1, "", "it must be 0 to 1"},
		{[]string{"serve", "--fail=NaN"}, 1, "", "it must be 0 to 1"},
		{[]string{"serve", "--delay=-1s"}, 1, "", "must not be negative"},
		{[]string{"serve", "--transport=smoke"}, 1, "", "smoke"},
		{[]string{"serve", "--address=192.0.2.1:80"}, 1, "", "hint: choose another --address"},
	} {
		got := mailcall(t, tc.args...)
		if got.code != tc.code || !strings.Contains(got.out, tc.out) || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d, %q, %q, want %d, %q, %q", tc.args, got.code, got.out, got.errors, tc.code, tc.out, tc.err)
		}
	}
}

func TestExplainSaysWhereSettingsComeFrom(t *testing.T) {
	cmd := command(t, "explain")
	cmd.Env = append(cmd.Env, "MAILCALL_RETRIES=7")
	got := finish(t, cmd)
	sources := map[string]string{}
	for line := range strings.Lines(got.out) {
		f := strings.Fields(line)
		sources[f[0]] = strings.Join(f[1:], " ")
	}
	if got.code != 0 || sources["retries"] != "7 env" || sources["dial_timeout"] != "5s default" {
		t.Errorf("got exit code %d and retries %q, dial_timeout %q, want 0, 7 env, 5s default", got.code, sources["retries"], sources["dial_timeout"])
	}
	cmd = command(t, "explain", "--json")
	cmd.Env = append(cmd.Env, "MAILCALL_RETRIES=7")
	got = finish(t, cmd)
	type setting struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Source string `json:"source"`
	}
	var all []setting
	if err := json.Unmarshal([]byte(got.out), &all); err != nil || got.code != 0 {
		t.Fatalf("--json: got exit code %d and %q: %v", got.code, got.out, err)
	}
	if !slices.Contains(all, setting{"retries", "7", "env"}) {
		t.Errorf("--json: got %v, want the retries from the environment among them", all)
	}
	cmd = command(t, "explain")
	cmd.Env = append(cmd.Env, "MAILCALL_RETRIES=many")
	if got := finish(t, cmd); got.code != 1 || !strings.Contains(got.errors, `mailcall: env: retries: "many" is no whole number`+"\n") {
		t.Errorf("got exit code %d and %q, want 1 and the setting's name", got.code, got.errors)
	}
}

// Before the service listens, a signal ends the process at once.
func TestServeInterruptedBeforeItListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, stdoutOf, "serve", "--transport=nats://"+l.Addr().String())
	conn, err := l.Accept() // it waits for the server's greeting
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.interrupt(t, syscall.SIGINT)
	if status, is := p.ProcessState.Sys().(syscall.WaitStatus); !is || status.Signal() != syscall.SIGINT {
		t.Errorf("got %s, want it ended by SIGINT", p.ProcessState)
	}
}

func TestServe(t *testing.T) {
	address := serve(t, "--name=billing", "--fail=1")
	got := mailcall(t, "call", "--address", address, "billing", "Greeter.Hello")
	if got.code != 2 || !strings.Contains(got.errors, "billing.fault, 503") {
		t.Errorf("--fail=1: got exit code %d and %q, want 2 and the error of billing", got.code, got.errors)
	}
	got = mailcall(t, "call", "--address", serve(t, "--delay=10m"), "--timeout=100ms", "greeter", "Greeter.Hello")
	if got.code != 3 {
		t.Errorf("--delay=10m: got exit code %d and %q, want 3", got.code, got.errors)
	}
	got = mailcall(t, "serve", "--address", address)
	if got.code != 1 || !strings.Contains(got.errors, "address already in use") {
		t.Errorf("a second one: got exit code %d and %q, want 1", got.code, got.errors)
	}
	p := start(t, stdoutOf, "serve")
	if _, err := p.lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.interrupt(t, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0", code)
	}
}
