// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCall(t *testing.T) {
	where := serve(t)
	at := "--address=" + where
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"name":"File"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		code  int
		out   string // all of stdout
		err   string // part of stderr
	}{
		{"json", []string{"greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, `{"greeting":"Hello Ada"}` + "\n", ""},
		{"a blank after the comma", []string{at + ", " + where, "greeter", "Greeter.Hello"}, "", 0, `{"greeting":"Hello "}` + "\n", ""},
		{"no body is {}", []string{"greeter", "Greeter.Json"}, "", 0, `{"msg":"Hello ","sum":0}` + "\n", ""},
		{"file", []string{"greeter", "Greeter.Hello", "@" + body}, "", 0, `{"greeting":"Hello File"}` + "\n", ""},
		{"stdin", []string{"greeter", "Greeter.Hello", "-"}, `{"name":"Pipe"}`, 0, `{"greeting":"Hello Pipe"}` + "\n", ""},
		{"json as it is", []string{"--json", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, `{"greeting":"Hello Ada"}` + "\n", ""},
		{"json-rpc is wrapped", []string{"--content-type=application/json-rpc", "greeter", "Greeter.Json", `{"nums":[1,2]}`}, "", 0, `{"msg":"Hello ","sum":3}` + "\n", ""},
		{"protobuf", []string{"--content-type=application/protobuf", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, `{"greeting":"Hello Ada"}` + "\n", ""},
		{"proto-rpc", []string{"--content-type=application/proto-rpc", "greeter", "Greeter.Hello", `{"name":"Ada"}`}, "", 0, `{"greeting":"Hello Ada"}` + "\n", ""},
		{"verbose", []string{"-v", "greeter", "Greeter.Hello"}, "", 0, `{"greeting":"Hello "}` + "\n", ": answered after "},
		{"raw text", []string{"--raw", "--content-type=text/plain", "greeter", "Greeter.Text", "hi"}, "", 0, "text:hi", ""},
		{"raw without a body", []string{"--raw", "--content-type=application/octet-stream", "greeter", "Greeter.Raw"}, "", 0, "raw:", ""},
		{"raw from a file", []string{"--raw", "--content-type=application/octet-stream", "greeter", "Greeter.Raw", "@" + body}, "", 0, `raw:{"name":"File"}`, ""},

		{"the service's error", []string{"greeter", "Greeter.Fail", `{"code":404,"detail":"no such thing"}`}, "", 2, "", "mailcall: greeter Greeter.Fail: " + where + " answered with an error: no such thing (greeter.fail, 404 Not Found)\nhint: "},
		{"its plain error", []string{"greeter", "Greeter.Plain"}, "", 2, "", "answered with an error: plain failure\nhint: "},
		{"no such endpoint", []string{"greeter", "Greeter.Nope"}, "", 2, "", "hint: check the name of the endpoint"},

		{"deadline", []string{"--timeout=100ms", "greeter", "Greeter.Panic"}, "", 3, "", "100ms are over (RequestTimeout)\nhint: increase --timeout"},
		{"attempt", []string{"--attempt-timeout=50ms", "--retries=0", "greeter", "Greeter.Panic"}, "", 3, "", "hint: increase --attempt-timeout"},
		{"decisions", []string{"-v", "--attempt-timeout=50ms", "greeter", "Greeter.Panic"}, "", 3, "", "stop: it may have been executed and is not declared idempotent"},
		{"not idempotent", []string{"--attempt-timeout=50ms", "greeter", "Greeter.Panic"}, "", 3, "", "; --idempotent allows a retry"},
		{"no more retries", []string{"--attempt-timeout=50ms", "--idempotent", "--retries=1", "greeter", "Greeter.Panic"}, "", 3, "", "or allow more attempts with --retries\n"},
		{"shown already", []string{"-v", "--timeout=50ms", "greeter", "Greeter.Panic"}, "", 3, "", "hint: increase --timeout\n"},
		{"idempotent", []string{"-v", "--attempt-timeout=50ms", "--idempotent", "--retries=1", "greeter", "Greeter.Panic"}, "", 3, "", "attempt 2: "},
		{"unknown content type", []string{"--raw", "--content-type=application/x-own", "greeter", "Greeter.Raw", "x"}, "", 3, "", "unsupported Content-Type: application/x-own"},

		{"control characters of the service", []string{"greeter", "Greeter.Fail", `{"code":404,"detail":"\u001b[2Jgone\u0007"}`}, "", 2, "", `answered with an error: \u001b[2Jgone\u0007 (greeter.fail, 404 Not Found)`},
		{"error without a detail", []string{"greeter", "Greeter.Fail"}, "", 2, "", "answered with an error: (greeter.fail, 0)\n"},

		{"no endpoint", []string{"greeter"}, "", 1, "", "hint: "},
		{"unknown flag", []string{"--bogus", "greeter", "Greeter.Hello"}, "", 1, "", "unknown flag --bogus"},
		{"no duration", []string{"--timeout=soon", "greeter", "Greeter.Hello"}, "", 1, "", "--timeout"},
		{"negative duration", []string{"--timeout=-1s", "greeter", "Greeter.Hello"}, "", 1, "", "must not be negative"},
		{"too many retries", []string{"--retries=101", "greeter", "Greeter.Hello"}, "", 1, "", "it must be 0 to 100"},
		{"unknown transport", []string{"--transport=smoke", "greeter", "Greeter.Hello"}, "", 1, "", "smoke"},
		{"no port", []string{"--address=localhost", "greeter", "Greeter.Hello"}, "", 1, "", "missing port"},
		{"no service", []string{"", "Greeter.Hello"}, "", 1, "", "the name of the service is empty\nhint: "},
		{"no name of an endpoint", []string{"greeter", ""}, "", 1, "", "the endpoint is empty\nhint: "},
		{"no content type", []string{"--content-type=smoke", "greeter", "Greeter.Hello"}, "", 1, "", "BODY is JSON, but the content type is smoke\nhint: add --raw"},
		{"not json", []string{"greeter", "Greeter.Hello", `{"name":`}, "", 1, "", "the body is not JSON"},
		{"two values", []string{"greeter", "Greeter.Hello", `{} {}`}, "", 1, "", "the body is not JSON"},
		{"not a type of json", []string{"--content-type=text/plain", "greeter", "Greeter.Hello"}, "", 1, "", "hint: add --raw"},
		{"a type without a schema", []string{"--content-type=application/protobuf", "other", "Other.Hello"}, "", 1, "", "hint: add --schema"},
		{"not of the schema", []string{"--content-type=application/protobuf", "greeter", "Greeter.Hello", `{"nope":1}`}, "", 1, "", "the body is not a valid greet.HelloRequest"},
		{"no such file", []string{"greeter", "Greeter.Hello", "@" + body + ".not"}, "", 1, "", "no such file"},
		{"header without =", []string{"-H", "trace", "greeter", "Greeter.Hello"}, "", 1, "", `-H "trace" has no =`},
		{"header without a name", []string{"-H", "=x", "greeter", "Greeter.Hello"}, "", 1, "", "is not a valid header field name"},
		{"header with a space", []string{"-H", "a b=x", "greeter", "Greeter.Hello"}, "", 1, "", "is not a valid header field name"},
		{"header with a line break", []string{"-H", "a=x\r\nb: y", "greeter", "Greeter.Hello"}, "", 1, "", "line break"},
		{"header of the protocol", []string{"-H", "micro-id=7", "greeter", "Greeter.Hello"}, "", 1, "", "sets this field itself"},
		{"body over the limit", []string{"--raw", "greeter", "Greeter.Raw", "-"}, strings.Repeat("x", 4<<20+1), 1, "", "limit of 4194304 bytes"},
	} {
		cmd := command(t, append([]string{"call", at}, tc.args...)...)
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

func TestCallSendsMetadata(t *testing.T) {
	got := mailcall(t, "call", "--address", serve(t), "-H", "Trace=a=b;c,d", "-H", "User=ada", "greeter", "Greeter.Echo")
	for _, want := range []string{`"Trace=a=b;c,d"`, `"User=ada"`} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("got exit code %d and %s, want 0 and %s among the headers", got.code, got.out, want)
		}
	}
}

func TestRawBytesRoundTrip(t *testing.T) {
	address := serve(t)
	body := make([]byte, 256)
	for i := range body {
		body[i] = byte(i)
	}
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{"-", "@" + file} {
		cmd := command(t, "call", "--address", address, "--raw", "--content-type", "application/octet-stream", "greeter", "Greeter.Raw", arg)
		cmd.Stdin = bytes.NewReader(body)
		got := finish(t, cmd)
		if want := "raw:" + string(body); got.code != 0 || got.out != want || got.errors != "" {
			t.Errorf("%s: got exit code %d, %q, %q, want 0, %q and no error", arg, got.code, got.out, got.errors, want)
		}
	}
}

// failure is the error object of --json.

// The flag has several forms, and also applies to errors in the command line.

func TestNobodyListens(t *testing.T) {
	where := closedPort(t)
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		got := mailcall(t, "call", "-v", "--transport", transport, "--retries=0", "--address", where, "greeter", "Greeter.Hello")
		if want := transport + " transport: dial tcp " + where + ": connect: connection refused\n"; strings.Count(got.errors, want) != 2 {
			t.Errorf("%s: got %q, want twice %q", transport, got.errors, want)
		}
	}
	got := mailcall(t, "call", "--address", where, "greeter", "Greeter.Hello")
	if got.code != 3 || !strings.Contains(got.errors, "connection refused") || !strings.Contains(got.errors, "hint: nothing is listening there") {
		t.Errorf("got exit code %d and %q, want 3, the cause and what to do", got.code, got.errors)
	}
}

func TestAnotherNodeAnswers(t *testing.T) {
	address := serve(t)
	got := mailcall(t, "call", "--address", closedPort(t)+","+address, "greeter", "Greeter.Hello", `{"name":"Ada"}`)
	if got.code != 0 || got.out != `{"greeting":"Hello Ada"}`+"\n" {
		t.Errorf("got exit code %d, %q, %q, want 0 and the reply of the node that is there", got.code, got.out, got.errors)
	}
}

func TestCallTakesTheEnvironment(t *testing.T) {
	cmd := command(t, "call", "greeter", "Greeter.Panic")
	cmd.Env = append(cmd.Env, "MAILCALL_ADDRESS="+serve(t), "MAILCALL_REQUEST_TIMEOUT=70ms")
	if got := finish(t, cmd); got.code != 3 || !strings.Contains(got.errors, "70ms are over") {
		t.Errorf("got exit code %d and %q, want 3 after 70ms", got.code, got.errors)
	}
	cmd = command(t, "call", "--address", "127.0.0.1:1", "greeter", "Greeter.Hello")
	cmd.Env = append(cmd.Env, "MAILCALL_POOL_SIZE=many")
	if got := finish(t, cmd); got.code != 1 || !strings.Contains(got.errors, "pool_size") {
		t.Errorf("got exit code %d and %q, want 1 and the name of the setting", got.code, got.errors)
	}
}

func TestInterruptedCall(t *testing.T) {
	// A server that accepts the connection and sends nothing: once it has accepted, the
	// call is in the middle of its exchange.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, stderrOf, "call", "--timeout=0", "--attempt-timeout=0", "--address", l.Addr().String(), "greeter", "Greeter.Hello")
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if code, text := p.interrupt(t, s); code != 3 || !strings.Contains(text, "hint: interrupted") {
			t.Errorf("%s: got exit code %d and %q, want 3 and that it was interrupted", s, code, text)
		}
		conn.Close()
	}
}

// TestInterruptedWhileTheBodyIsTyped: while the body is read from stdin, a signal ends
// the process at once.
func TestInterruptedWhileTheBodyIsTyped(t *testing.T) {
	for _, args := range [][]string{
		{"call", "--address=127.0.0.1:1", "greeter", "Greeter.Hello", "-"},
		{"publish", "--broker=nats", "orders", "-"},
	} {
		cmd := command(t, args...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// More than a pipe holds, so the command must have begun to read.
		if _, err := in.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the state has the result
		if status, is := cmd.ProcessState.Sys().(syscall.WaitStatus); !is || status.Signal() != syscall.SIGINT {
			t.Errorf("%s: got %s, want it ended by SIGINT while it reads", args[0], cmd.ProcessState)
		}
		in.Close()
	}
}

// closedPort returns an address without a listener.

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
