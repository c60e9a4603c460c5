// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// alone serves MQTT over TLS and nothing else: it refuses to shake hands with
// who names another protocol.
func alone(t *testing.T, p papers) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
	})
	return l.Addr().String()
}

// silent accepts connections, as its kernel does, and says nothing.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// A service that dies in the middle of a stream spoke well until then.
func TestServiceDiesDuringAStream(t *testing.T) {
	for _, transport := range []string{"http", "tcp", "grpc", "mucp-grpc"} {
		p := start(t, stdoutOf, "serve", "--transport", transport)
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		address := strings.TrimSpace(strings.TrimPrefix(line, "listening "))
		d := talk(t, "stream", "--transport", transport, "--address", address, "greeter", "Greeter.Bidi")
		d.say(t, `{"name":"a"}`)
		d.hear(t, d.out, `{"greeting":"Hello a"}`)
		p.interrupt(t, syscall.SIGKILL)
		if got := d.end(t); got.code != 3 || !strings.Contains(got.errors, "hint: it hung up before the end: did it stop?") {
			t.Errorf("%s: got exit code %d and %q, want 3 and that it hung up", transport, got.code, got.errors)
		}
	}
}

func TestHints(t *testing.T) {
	p := issue(t)
	for _, tc := range []struct {
		args []string
		hint string
	}{
		{[]string{"--cacert", p.ca, "--address=https://" + alone(t, p)}, "hint: what listens there speaks another protocol over TLS"},
		{[]string{"--address=unix:" + filepath.Join(filepath.Dir(p.ca), "none")}, "hint: nothing listens there"},
		{[]string{"--transport=" + natsServer(t), "--address=nobody"}, "hint: nothing listens there"},
		{[]string{"--registry=nats://" + silent(t), "--timeout=50ms"}, "hint: can the registry be reached"},
		{[]string{"--registry=dns:"}, "hint: a service is named NAME:PORT there"},
		{[]string{"--address=127.0.0.1:1", "--timeout=1ns"}, "hint: --timeout gives it more time"},
		{[]string{"--registry=static:greeter=no such:1"}, "hint: the address is as it was registered"},
	} {
		got := mailcall(t, append([]string{"call", "--retries=0", "greeter", "Greeter.Hello"}, tc.args...)...)
		if got.code != 3 || !strings.Contains(got.errors, tc.hint) {
			t.Errorf("%q: got exit code %d and %q, want 3 and %q", tc.args, got.code, got.errors, tc.hint)
		}
	}
}

// An address of the environment is not used beside a registry, whatever it is.
func TestRegistryBesideAnAddressOfTheEnvironment(t *testing.T) {
	at := serve(t)
	for _, address := range []string{"127.0.0.1:1", " 127.0.0.1:1 , 127.0.0.1:2", "nonsense"} {
		cmd := command(t, "call", "--registry=static:greeter="+at, "greeter", "Greeter.Hello")
		cmd.Env = append(cmd.Env, "MAILCALL_ADDRESS="+address)
		if got := finish(t, cmd); got.code != 0 {
			t.Errorf("%q: got exit code %d and %q, want 0", address, got.code, got.errors)
		}
	}
}
