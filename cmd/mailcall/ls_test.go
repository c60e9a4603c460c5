// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/mailcall/contrib/nats"
	"example.com/mailcall/registry"
)

func TestLs(t *testing.T) {
	nobody := "nats://" + closedPort(t)
	mute := silent(t)
	for _, tc := range []struct {
		args     []string
		code     int
		out, err string // parts of the output
	}{
		{[]string{"--registry=static:greeter=127.0.0.1:1,[::1]:2;billing=127.0.0.1:3"}, 0, "billing  -        127.0.0.1:3  mucp      -          billing-127.0.0.1:3\n", ""},
		{[]string{"--registry=static:greeter=127.0.0.1:1,[::1]:2", "greeter"}, 0, "greeter-[::1]:2\n", ""},
		{[]string{"--registry=memory"}, 0, "memory", ""},
		{[]string{"--registry=dns://localhost:80", "greeter"}, 0, "127.0.0.1:80", ""},
		{[]string{"--registry=static:greeter=127.0.0.1:1", "billing"}, 3, "", "service unknown"},
		{[]string{"--registry=" + nobody}, 3, "", "registry unreachable"},
		{[]string{"--registry=dns://localhost:80"}, 1, "", "hint: name the service"},
		{[]string{"--registry=nats:"}, 1, "", "has no server"},
		{[]string{"--registry=nats://"}, 1, "", "has no server"},
		{[]string{"--registry=nats://" + mute, "--timeout=100ms"}, 3, "", "100ms are over (--timeout)"},
		{[]string{"--registry=dns:localhost"}, 1, "", "has no target"},
		{[]string{"--registry=dns://localhost:65536", "greeter"}, 1, "", "a port from 1 to 65535"},
		{[]string{"--registry=dns://localhost", "greeter"}, 1, "", "neither name:port nor _service._proto.name"},
		{[]string{"--registry=static:"}, 1, "", "is not of the form NAME=ADDRESS"},
		{[]string{"--registry=static:a=b,"}, 1, "", "empty address"},
		{[]string{"--registry=smoke"}, 1, "", "unknown registry"},
		{[]string{"--registry=memory", "--timeout=-1s"}, 1, "", "must not be negative"},
		{nil, 1, "", "--registry"},
	} {
		got := mailcall(t, append([]string{"ls"}, tc.args...)...)
		if got.code != tc.code || !strings.Contains(got.out, tc.out) || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d, %q, %q, want %d, %q, %q", tc.args, got.code, got.out, got.errors, tc.code, tc.out, tc.err)
		}
		if tc.code == 0 {
			continue
		}
		var f failure
		got = mailcall(t, append([]string{"ls", "--json"}, tc.args...)...)
		if err := json.Unmarshal([]byte(got.errors), &f); err != nil || got.code != tc.code {
			t.Errorf("%q --json: got exit code %d and %q, want %d and one object: %v", tc.args, got.code, got.errors, tc.code, err)
		}
	}
}

// records is the output of mailcall ls --json.
func records(t *testing.T, args ...string) (all []*registry.Service) {
	t.Helper()
	got := mailcall(t, append([]string{"ls", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(got.out), &all); err != nil || got.code != 0 {
		t.Fatalf("ls: got exit code %d, %q, %q, want 0 and an array: %v", got.code, got.out, got.errors, err)
	}
	return all
}

func TestServeRegisters(t *testing.T) {
	url := natsServer(t)
	if all := records(t, "--registry", url); len(all) != 0 {
		t.Errorf("nobody serves: got %d records, want none", len(all))
	}
	for _, transport := range transports() {
		spec := transport
		if transport == "nats" {
			spec = url
		}
		p := start(t, stdoutOf, "serve", "--transport", spec, "--registry", url, "--name", transport+"-greeter")
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: got %q, %v, want \"listening ADDRESS\"", transport, line, err)
		}
		all := records(t, "--registry", url, transport+"-greeter")
		if len(all) != 1 || len(all[0].Nodes) != 1 || "listening "+all[0].Nodes[0].Address+"\n" != line {
			t.Errorf("%s: got %+v, want one record with the node of %q", transport, all, line)
		}
		// The record has the transport, so call needs only the registry.
		got := mailcall(t, "call", "--registry", url, transport+"-greeter", "Greeter.Hello", `{"name":"Ada"}`)
		if got.code != 0 || strings.TrimSpace(got.out) != `{"greeting":"Hello Ada"}` {
			t.Errorf("%s: got exit code %d, %q, %q, want 0 and the reply", transport, got.code, got.out, got.errors)
		}
		if code, rest := p.interrupt(t, syscall.SIGTERM); code != 0 || rest != "" {
			t.Errorf("%s after SIGTERM: got exit code %d and %q, want 0 and no more", transport, code, rest)
		}
	}
	if all := records(t, "--registry", url); len(all) != 0 {
		t.Errorf("after the end: got %d records, want none", len(all))
	}
}

// A node whose record names no protocol gets JSON in the envelope of json-rpc; one that
// names it gets the body unchanged.
func TestNodesWithoutAProtocol(t *testing.T) {
	url := natsServer(t)
	r, err := nats.NewRegistry(nats.WithURL(url))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	address := serve(t)
	for name, metadata := range map[string]map[string]string{"old": nil, "new": {"protocol": "mucp"}} {
		s := &registry.Service{Name: name, Nodes: []*registry.Node{{ID: name + "-1", Address: address, Metadata: metadata}}}
		if err := r.Register(t.Context(), s, time.Minute); err != nil {
			t.Fatal(err)
		}
		got := mailcall(t, "call", "--registry", url, name, "Greeter.Hello", `{ "name": "Ada" }`)
		if got.code != 0 || got.out != `{"greeting":"Hello Ada"}`+"\n" {
			t.Errorf("call of the %s node: got exit code %d, %q, %q, want 0 and the reply", name, got.code, got.out, got.errors)
		}
		cmd := command(t, "stream", "--registry", url, "--half-close-wait=50ms", name, "Greeter.Bidi")
		cmd.Stdin = strings.NewReader(`{"name":"Ada"}` + "\n" + `{"count":-1}` + "\n")
		if got := finish(t, cmd); got.code != 0 || got.out != `{"greeting":"Hello Ada"}`+"\n" {
			t.Errorf("stream to the %s node: got exit code %d, %q, %q, want 0 and the reply", name, got.code, got.out, got.errors)
		}
	}
}

func TestServeDoesNotRegister(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"--registry=dns:"}, 1, "does not accept registrations"},
		{[]string{"--registry=smoke"}, 1, "unknown registry"},
		{[]string{"--address=0.0.0.0:0", "--registry=nats://127.0.0.1:1"}, 1, "cannot be registered"},
		{[]string{"--registry=nats://" + closedPort(t)}, 3, "registry unreachable"},
		{[]string{"--transport=memory"}, 1, "cannot be reached from outside"},
		{[]string{"--transport=nats://" + silent(t)}, 3, "hint: is the NATS server running"}, // it takes the timeout of NATS
	} {
		got := mailcall(t, append([]string{"serve"}, tc.args...)...)
		if got.code != tc.code || got.out != "" || !strings.Contains(got.errors, tc.err) {
			t.Errorf("%q: got exit code %d, %q, %q, want %d and %q", tc.args, got.code, got.out, got.errors, tc.code, tc.err)
		}
	}
}
