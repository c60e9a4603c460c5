// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// transports are those that mailcall serve supports.
func transports() []string { return []string{"http", "tcp", "grpc", "mucp-grpc", "nats"} }

func TestEveryTransport(t *testing.T) {
	url := natsServer(t)
	for _, transport := range transports() {
		over := "--transport=" + transport
		if transport == "nats" {
			over = "--transport=" + url
		}
		at := "--address=" + serve(t, over)
		for _, tc := range []struct {
			args  []string
			stdin string
			code  int
			out   string
			err   string
		}{
			{[]string{"call", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, lines(`{"greeting":"Hello Ada"}`), ""},
			{[]string{"call", "--content-type=application/protobuf", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, lines(`{"greeting":"Hello Ada"}`), ""},
			{[]string{"call", "--content-type=application/json", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, lines(`{"greeting":"Hello Ada"}`), ""},
			{[]string{"call", "greeter", "Greeter.Fail", `{"code":404,"detail":"gone"}`}, "", 2, "", "gone (greeter.fail, 404 Not Found)"},
			{[]string{"call", "greeter", "Greeter.Nope", `{}`}, "", -1, "", "hint: "},
			{[]string{"stream", "--half-close-wait=200ms", "greeter", "Greeter.ClientStream"}, lines(`{"count":1}`, `{"count":2}`), 0, lines(`{"greeting":"got 2","seq":"3"}`), ""},
			{[]string{"stream", "greeter", "Greeter.ServerStream"}, lines(`{"name":"a","count":1}`), 0, lines(`{"greeting":"Hello a"}`), ""},
			{[]string{"stream", "greeter", "Greeter.Bidi"}, lines(`{"code":400,"detail":"bad"}`), 2, "", "bad (greeter.fail, 400 Bad Request)"},
		} {
			cmd := command(t, append(tc.args, over, at)...)
			cmd.Stdin = strings.NewReader(tc.stdin)
			got := finish(t, cmd)
			if tc.code >= 0 && got.code != tc.code || got.out != tc.out || !strings.Contains(got.errors, tc.err) {
				t.Errorf("%s %q: got exit code %d, %q, %q, want %d, %q and %q in the errors", transport, tc.args, got.code, got.out, got.errors, tc.code, tc.out, tc.err)
			}
		}
	}
}

func TestAddressForms(t *testing.T) {
	forms := []string{"unix:" + filepath.Join(t.TempDir(), "s"), "localhost:0"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil { // not every machine has IPv6
		l.Close()
		forms = append(forms, "[::1]:0")
	}
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		for i, form := range forms {
			if i == 0 {
				form += transport
			}
			at := serve(t, "--transport", transport, "--address", form)
			got := mailcall(t, "call", "--transport", transport, "--address", at, "greeter", "Greeter.Hello", `{"name":"Ada"}`)
			if got.code != 0 || got.out != lines(`{"greeting":"Hello Ada"}`) {
				t.Errorf("%s at %s: got exit code %d, %q, %q, want 0 and the reply", transport, at, got.code, got.out, got.errors)
			}
		}
		// The test's server has no certificate, so TLS is tried and fails.
		at := "https://" + serve(t, "--transport", transport)
		got := mailcall(t, "call", "--retries=0", "--transport", transport, "--address", at, "greeter", "Greeter.Hello")
		if got.code != 3 || !strings.Contains(got.errors, "tls") {
			t.Errorf("%s at %s: got exit code %d and %q, want 3 and that there is no TLS", transport, at, got.code, got.errors)
		}
	}
}

func TestMemoryIsInside(t *testing.T) {
	for _, args := range [][]string{
		{"--transport=memory"},
		{"--transport=memory", "--address=a,b"},
		{"--registry=memory"},
		{"--registry=memory", "--transport=memory"},
	} {
		got := mailcall(t, append([]string{"call", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, args...)...)
		if got.code != 0 || got.out != lines(`{"greeting":"Hello Ada"}`) {
			t.Errorf("%q: got exit code %d, %q, %q, want 0 and the reply", args, got.code, got.out, got.errors)
		}
	}
}

func TestRegistriesOfCalls(t *testing.T) {
	address := serve(t)
	for _, spec := range []string{"static:greeter=" + address + ";other=127.0.0.1:1", "dns://" + address, "dns://localhost:" + address[strings.LastIndexByte(address, ':')+1:]} {
		cmd := command(t, "call", "--registry", spec, "greeter", "Greeter.Hello", `{"name":"Ada"}`)
		cmd.Env = append(cmd.Env, "MAILCALL_ADDRESS=127.0.0.1:1") // the flag takes precedence
		if got := finish(t, cmd); got.code != 0 || got.out != lines(`{"greeting":"Hello Ada"}`) {
			t.Errorf("%s: got exit code %d, %q, %q, want 0 and the reply", spec, got.code, got.out, got.errors)
		}
	}
	for _, tc := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"--registry=static:greeter=" + address, "--address=127.0.0.1:1"}, 1, "both give the nodes"},
		{[]string{"--registry=static:other=" + address}, 3, "hint: mailcall ls shows"},
		{[]string{"--registry=nats://" + closedPort(t)}, 3, "hint: is the NATS server running"},
		{[]string{"--registry=smoke:"}, 1, "unknown registry"},
		{[]string{"--transport=tcp://127.0.0.1:1", "--address=127.0.0.1:1"}, 1, "unknown transport"},
	} {
		got := mailcall(t, append([]string{"call", "greeter", "Greeter.Hello"}, tc.args...)...)
		if got.code != tc.code || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d and %q, want %d and %q", tc.args, got.code, got.errors, tc.code, tc.err)
		}
	}
}
